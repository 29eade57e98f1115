import type { Verifier } from '#crypto/verifier.ts';
import type { StateReader, StoreName } from '#state/store.ts';
import type { TxResult } from '#types/results.ts';
import { equalBytes, fromLatin1 } from '#util/bytes.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import type { AnteParts } from './ante/ante.ts';
import { UncheckedSignature } from './ante/signatures.ts';
import { type BlockContext, TxContext } from './context.ts';
import type { BlockExecution, BlockRequest } from './contract.ts';
import { Refusal, SDK_ERRORS } from './errors.ts';
import { deterministic, refusedResult, runTx } from './executor.ts';
import { GasMeter } from './gas.ts';
import type { Touch } from './message.ts';
import { accountKey } from './modules/auth/state.ts';
import { balanceKey } from './modules/bank/state.ts';
import { type Punishment, punish } from './modules/slashing/punish.ts';
import type { Modules } from './modules.ts';
import { verifyUnchecked } from './signature-batch.ts';
import { WorkingState } from './store/working-state.ts';
import type { DecodedTx } from './tx.ts';

/** A record that execution will probably read. */
export interface StateRead {
  readonly store: StoreName;
  readonly key: Uint8Array;
}

/** What the engine lends to an execution. None of it may change the outcome. */
export interface ExecuteOptions {
  /** The transaction at `index`, decoded before; undefined where it was not, or could not be. */
  readonly decoded?: (index: number) => DecodedTx | undefined;
  /** Brings records into the state's cache. */
  readonly prefetch?: (reads: readonly StateRead[]) => Promise<void>;
  /** Called between transactions. */
  readonly pause?: Pause;
}

export interface BlockParts {
  readonly modules: Modules;
  readonly ante: AnteParts;
  readonly verifier: Verifier;
  readonly decode: (bytes: Uint8Array) => DecodedTx;
}

/** Executes blocks on top of a committed state, which must not move meanwhile. */
export class BlockExecutor {
  private readonly parts: BlockParts;

  constructor(parts: BlockParts) {
    this.parts = parts;
  }

  /** Rejects only with faults of the machine: bad transactions get a failing result each. */
  async execute(base: StateReader, request: BlockRequest, options: ExecuteOptions): Promise<BlockExecution> {
    const txs = request.txs.map((bytes, index) => this.decoded(bytes, options.decoded?.(index)));
    const state = new WorkingState(base);
    if (options.prefetch !== undefined) await options.prefetch(this.reads(txs));
    const decoded = txs.filter((tx): tx is DecodedTx => !(tx instanceof Refusal));
    await verifyUnchecked(this.parts, decoded, () => state, options.pause ?? NEVER_PAUSE);
    const block: BlockContext = { height: request.height, time: request.time, maxGas: this.maxGas(state) };
    const { events, validatorUpdates } = this.beginBlock(state, request);
    const txResults = await this.runAll(state, block, txs, options);
    return {
      txResults,
      blockEvents: events,
      validatorUpdates,
      consensusParams: undefined,
      changes: state.changes(),
    };
  }

  /**
   * Checks signatures of a block whose turn has not come yet, against the state as it is now. What is remembered counts
   * in its execution where that finds the same key and account number.
   */
  async verifyAhead(head: StateReader, txs: readonly DecodedTx[], options: ExecuteOptions): Promise<void> {
    if (options.prefetch !== undefined) await options.prefetch(this.reads(txs));
    await verifyUnchecked(this.parts, txs, () => new WorkingState(head), options.pause ?? NEVER_PAUSE);
  }

  /** What no transaction asked for. Nothing in a block can make it throw. */
  private beginBlock(state: WorkingState, { height, misbehavior, nextValidators }: BlockRequest): Punishment {
    const access = { state, gas: new GasMeter(undefined) };
    const punishment = punish(this.parts.modules.slashing, access, height, misbehavior, nextValidators);
    state.seal();
    return punishment;
  }

  /** Largest sum of gas in a block; undefined for none. */
  maxGas(state: WorkingState): bigint | undefined {
    const params = this.parts.modules.chain.getConsensusParams({ state, gas: new GasMeter(undefined) });
    return params === undefined || params.block.maxGas < 0 ? undefined : BigInt(params.block.maxGas);
  }

  /** Records that the transaction's fee, signatures and messages will probably read. */
  touches(tx: DecodedTx): readonly StateRead[] {
    return this.reads([tx]);
  }

  /** A lookup that hands out another transaction must not decide what is executed: bytes are compared. */
  private decoded(bytes: Uint8Array, known: DecodedTx | undefined): DecodedTx | Refusal {
    if (known !== undefined && (known.bytes === bytes || equalBytes(known.bytes, bytes))) return known;
    try {
      return this.parts.decode(bytes);
    } catch (error) {
      return deterministic(error);
    }
  }

  /** Each record once: the same accounts pay again and again, and whoever prefetches hashes and looks up every key. */
  private reads(txs: readonly (DecodedTx | Refusal)[]): readonly StateRead[] {
    const reads: StateRead[] = [];
    const seen = new Map<StoreName, Set<string>>();
    const touch: Touch = ({ store }, key) => {
      const keys = seen.get(store) ?? new Set();
      if (keys.size === 0) seen.set(store, keys);
      if (keys.has(key)) return;
      keys.add(key);
      reads.push({ store, key: fromLatin1(key) });
    };
    for (const tx of txs) if (!(tx instanceof Refusal)) this.touchAll(tx, touch);
    return reads;
  }

  private touchAll(tx: DecodedTx, touch: Touch): void {
    const { auth, bank } = this.parts.modules;
    for (const signer of tx.signers) {
      touch(auth.accounts, accountKey(signer));
      for (const { denom } of tx.feeAmount) touch(bank.balances, balanceKey(signer, denom));
    }
    if (tx.messageFault !== undefined) return;
    for (const { type, value } of tx.messages) type.touches(value, touch);
  }

  private async runAll(
    state: WorkingState,
    block: BlockContext,
    txs: readonly (DecodedTx | Refusal)[],
    options: ExecuteOptions,
  ): Promise<TxResult[]> {
    const results: TxResult[] = [];
    let blockGas = 0n;
    for (const tx of txs) {
      const gasLeft = block.maxGas === undefined ? undefined : block.maxGas - blockGas;
      const result = await this.runOne(state, block, tx, gasLeft);
      state.seal();
      blockGas += result.gasUsed;
      results.push(result);
      const wait = options.pause?.();
      if (wait !== undefined) await wait;
    }
    return results;
  }

  private async runOne(
    state: WorkingState,
    block: BlockContext,
    tx: DecodedTx | Refusal,
    gasLeft: bigint | undefined,
  ): Promise<TxResult> {
    if (tx instanceof Refusal) return refusedResult(tx, 0n);
    if (gasLeft !== undefined && gasLeft <= 0n) {
      return refusedResult(new Refusal(SDK_ERRORS.outOfGas, 'no block gas left to run tx'), tx.gasWanted);
    }
    for (;;) {
      const context = new TxContext(state, block, 'execute', tx.gasWanted);
      try {
        return runTx(this.parts.ante, context, tx, gasLeft);
      } catch (error) {
        if (!(error instanceof UncheckedSignature)) throw error;
        const { index, item } = error;
        const [valid] = await this.parts.verifier.verify([item]);
        tx.rememberSignature(index, {
          pubKey: item.publicKey,
          accountNumber: item.accountNumber,
          valid: valid === true,
        });
      }
    }
  }
}
