import type { Verifier } from '#crypto/verifier.ts';
import type { TxResult } from '#types/results.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { Address } from './address.ts';
import type { AnteParts } from './ante/ante.ts';
import { checkBasics, checkMemo, checkTimeout } from './ante/basic.ts';
import { feePayer } from './ante/fees.ts';
import { badSignature, checkMode, type SignatureItem, UncheckedSignature, wrongSequence } from './ante/signatures.ts';
import type { BlockExecutor } from './block.ts';
import { type BlockContext, TxContext } from './context.ts';
import type { CheckResult } from './contract.ts';
import { Refusal, SDK_ERRORS } from './errors.ts';
import { deterministic, runTx } from './executor.ts';
import { GasMeter } from './gas.ts';
import type { CommittedState } from './ledger.ts';
import { signatureItems } from './signature-batch.ts';
import { WorkingState } from './store/working-state.ts';
import type { DecodedTx } from './tx.ts';

/** A simulation stops here even when the transaction names no limit: some 0.1 s of work. */
const SIMULATION_GAS_LIMIT = 100_000_000n;

export interface AdmissionParts {
  readonly ante: AnteParts;
  readonly verifier: Verifier;
  readonly state: CommittedState;
  readonly executor: BlockExecutor;
}

/**
 * Checks transactions before they are in a block, against the pending state: the committed head plus the fees and
 * sequences of what was admitted since. Nothing here reaches a block's execution but verified signatures.
 */
export class Admission {
  private readonly parts: AdmissionParts;
  private pending: WorkingState;
  private block: BlockContext | undefined;

  constructor(parts: AdmissionParts) {
    this.parts = parts;
    this.pending = new WorkingState(parts.state);
  }

  /** The pending state is the head again. */
  resetPending(): void {
    this.pending = new WorkingState(this.parts.state);
    this.block = undefined;
  }

  /** Forgets what was checked for these accounts (keys of addresses), and takes over what the head changed. */
  forgetPending(accounts: readonly string[]): void {
    const forgotten = new Set(accounts);
    this.pending.rebase((key) => forgotten.has(ownerOf(key)));
    this.block = undefined;
  }

  /** Sequence that the account's next transaction must carry; undefined when there is no such account. */
  pendingSequence(address: Address): bigint | undefined {
    return this.parts.ante.auth.getAccount({ state: this.pending, gas: new GasMeter(undefined) }, address)?.sequence;
  }

  /**
   * Verifies signatures in one batch and remembers the verdicts. Whatever would be refused anyway is answered before
   * its signature costs anything; code 0 means: go on with `check`.
   */
  async verify(txs: readonly DecodedTx[]): Promise<CheckResult[]> {
    const refusals = txs.map((tx) => this.screen(tx));
    const open: { at: number; index: number; item: SignatureItem }[] = [];
    txs.forEach((tx, at) => {
      if (refusals[at] !== undefined) return;
      for (const { index, item } of signatureItems(this.parts.ante, this.pending, tx)) open.push({ at, index, item });
    });
    const verdicts = open.length === 0 ? [] : await this.parts.verifier.verify(open.map(({ item }) => item));
    open.forEach(({ at, index, item }, i) => {
      const tx = txs[at] as DecodedTx;
      const valid = verdicts[i] === true;
      tx.rememberSignature(index, { pubKey: item.publicKey, accountNumber: item.accountNumber, valid });
      if (!valid) refusals[at] ??= this.badSignature(tx, index);
    });
    return txs.map((tx, at) => {
      const refusal = refusals[at];
      if (refusal === undefined) this.parts.ante.believed?.add(toLatin1(tx.hash));
      return refusal === undefined ? admissible(tx) : refused(refusal, tx, 0n);
    });
  }

  /** Ante steps against the pending state. Code 0 takes effect there; any other code has none. */
  check(tx: DecodedTx, mode: 'new' | 'recheck'): CheckResult {
    try {
      return this.run(tx, mode);
    } finally {
      this.pending.seal();
    }
  }

  private run(tx: DecodedTx, mode: 'new' | 'recheck'): CheckResult {
    const context = new TxContext(
      this.pending,
      this.blockContext(),
      mode === 'new' ? 'check' : 'recheck',
      tx.gasWanted,
    );
    try {
      const { code, codespace, log, gasWanted, gasUsed } = runTx(this.parts.ante, context, tx, undefined);
      return { code, codespace, log, gasWanted, gasUsed };
    } catch (error) {
      if (!(error instanceof UncheckedSignature)) throw error;
      // The account came to be after `verify` looked, or `verify` was left out: not admitted unverified.
      return refused(this.badSignature(tx, error.index), tx, context.gas.used);
    }
  }

  /** As `check` for a new transaction, and leaves nothing in the pending state. */
  dryCheck(tx: DecodedTx): CheckResult {
    return this.pending.aside(() => this.run(tx, 'new'));
  }

  /** Runs a transaction that may lack fee, keys and signatures, on top of the pending state, and leaves nothing. */
  simulate(tx: DecodedTx): TxResult {
    const limit = this.blockContext().maxGas ?? SIMULATION_GAS_LIMIT;
    const context = new TxContext(this.pending, this.blockContext(), 'simulate', limit);
    return this.pending.aside(() => runTx(this.parts.ante, context, tx, undefined));
  }

  /** The block that comes next, as far as it is known. */
  private blockContext(): BlockContext {
    this.block ??= {
      height: this.parts.state.height + 1,
      time: 0n,
      maxGas: this.parts.executor.maxGas(this.pending),
    };
    return this.block;
  }

  /** What shows without signatures and whatever else is pending. */
  private screen(tx: DecodedTx): Refusal | undefined {
    const context = new TxContext(this.pending, this.blockContext(), 'check', tx.gasWanted);
    try {
      if (tx.messageFault !== undefined) return tx.messageFault;
      checkBasics(context, tx);
      checkTimeout(context, tx);
      const params = this.parts.ante.auth.getParams(context);
      checkMemo(params, tx);
      context.gas.consume(params.txSizeCostPerByte * tx.bytes.length, 'txSize');
      if (tx.signers.length > params.txSigLimit) {
        const details = `signatures: ${tx.signers.length}, limit: ${params.txSigLimit}`;
        return new Refusal(SDK_ERRORS.tooManySignatures, details);
      }
      this.screenSigners(tx);
      return undefined;
    } catch (error) {
      return deterministic(error);
    }
  }

  /** Sequences only grow: a past one is refused before its signature is looked at. */
  private screenSigners(tx: DecodedTx): void {
    const access = { state: this.pending, gas: new GasMeter(undefined) };
    const payer = feePayer(tx);
    if (this.parts.ante.auth.getAccount(access, payer) === undefined) {
      throw new Refusal(SDK_ERRORS.unknownAddress, `fee payer address: ${payer.text} does not exist`);
    }
    tx.signers.forEach((signer, i) => {
      const info = tx.signerInfos[i] as DecodedTx['signerInfos'][number];
      const account = this.parts.ante.auth.getAccount(access, signer);
      if (account !== undefined && info.sequence < account.sequence) {
        throw wrongSequence(account.sequence, info.sequence);
      }
      checkMode(info.mode);
    });
  }

  /** As the ante steps would put it: sequences come before signatures. */
  private badSignature(tx: DecodedTx, index: number): Refusal {
    const access = { state: this.pending, gas: new GasMeter(undefined) };
    const signer = tx.signers[index] as Address;
    const account = this.parts.ante.auth.getAccount(access, signer);
    if (account === undefined) return new Refusal(SDK_ERRORS.unknownAddress, `account ${signer.text} does not exist`);
    const sequence = tx.signerInfos[index]?.sequence ?? 0n;
    if (sequence !== account.sequence) return wrongSequence(account.sequence, sequence);
    return badSignature(this.parts.ante.chainId, account);
  }
}

function admissible(tx: DecodedTx): CheckResult {
  return { code: 0, codespace: '', log: '', gasWanted: tx.gasWanted, gasUsed: 0n };
}

/** A refusal in CheckTx's terms. */
export function refused(refusal: Refusal, tx: DecodedTx | undefined, gasUsed: bigint): CheckResult {
  const { code, codespace } = refusal.registered;
  return { code, codespace, log: refusal.log, gasWanted: tx?.gasWanted ?? 0n, gasUsed };
}

/** Address in the key of an account (`01 address`) or a balance (`02 length address denom`); empty for others. */
function ownerOf(key: string): string {
  if (key.startsWith('\x01')) return key.slice(1);
  return key.startsWith('\x02') ? key.slice(2, 2 + key.charCodeAt(1)) : '';
}
