import type { Verifier } from '#crypto/verifier.ts';
import type { ChangeSet, StateReader, StateView } from '#state/store.ts';
import type { Genesis } from '#types/genesis.ts';
import type { TxResult } from '#types/results.ts';
import type { ValidatorUpdate } from '#types/validator-set.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { ByteSlabs } from '#util/byte-slabs.ts';
import { type Address, AddressBook } from './address.ts';
import { Admission } from './admission.ts';
import type { AnteParts } from './ante/ante.ts';
import { BlockExecutor, type ExecuteOptions, type StateRead } from './block.ts';
import type { BlockExecution, BlockRequest, CheckResult } from './contract.ts';
import { Refusal } from './errors.ts';
import type { GasPrice } from './gas-price.ts';
import { exportAppState } from './genesis-export.ts';
import type { GenesisPart } from './genesis-fields.ts';
import { FEE_COLLECTOR } from './modules/auth/module-accounts.ts';
import { bankInvariants } from './modules/bank/invariants.ts';
import { slashingInvariants } from './modules/slashing/invariants.ts';
import { SLASHING_STORE, signingInfoKeyBytes } from './modules/slashing/state.ts';
import { Modules } from './modules.ts';
import { type LedgerQueryResponse, Queries, type QueryExtra } from './query/queries.ts';
import type { DecodedTx } from './tx.ts';
import { TxDecoder } from './tx-decoder.ts';

/** The committed head: moves when the engine publishes a height. */
export interface CommittedState extends StateReader {
  readonly height: number;
}

export interface LedgerComponents {
  readonly verifier: Verifier;
  readonly state: CommittedState;
}

export interface LedgerOptions {
  readonly chainId: string;
  /** From `app_state.chain` of the genesis document. */
  readonly bech32Prefix: string;
  readonly baseDenom: string;
  /** What this node asks for before it takes a transaction into its mempool; a local setting. */
  readonly minGasPrice?: GasPrice;
  /** For tests of the checkers only. */
  readonly brokenRule?: BrokenRule | undefined;
}

/** Six transfers in one buffer: few, because one that waits long in the mempool keeps the bytes of its neighbours. */
const TX_SLABS = { slabBytes: 2 * 1024, copyMax: 512 };

/** Some 30 transfers in one buffer: sign bytes are gone once the signature was checked. */
const SIGN_BYTES_SLABS = { slabBytes: 8 * 1024, copyMax: 1024 };

/** The replicated ledger: decodes, checks, executes, simulates and answers questions about transactions and state. */
export class Ledger {
  readonly addresses: AddressBook;
  private readonly modules: Modules;
  private readonly slabs = new ByteSlabs(TX_SLABS);
  private readonly decoder: TxDecoder;
  private readonly executor: BlockExecutor;
  private readonly admission: Admission;
  private readonly queries: Queries;
  private readonly components: LedgerComponents;

  constructor(components: LedgerComponents, options: LedgerOptions) {
    this.components = components;
    this.addresses = new AddressBook(options.bech32Prefix);
    this.modules = new Modules(this.addresses);
    this.decoder = new TxDecoder(this.addresses, this.modules.messages);
    const ante = this.anteParts(options);
    const { verifier, state } = components;
    const decode = (bytes: Uint8Array): DecodedTx => this.decoder.decode(bytes);
    this.executor = new BlockExecutor({ modules: this.modules, ante, verifier, decode });
    this.admission = new Admission({ ante, verifier, state, executor: this.executor });
    this.queries = new Queries({ modules: this.modules, simulate: (bytes) => this.simulate(bytes) });
  }

  /** The state after genesis, and the first validators. Throws a BizraError that names the field at fault. */
  initGenesis(genesis: Genesis): { changes: ChangeSet; validators: ValidatorUpdate[] } {
    return this.modules.initGenesis(genesis);
  }

  /** The state of a view as `app_state` of a genesis document; see `exportAppState`. */
  exportGenesis(view: StateView): Promise<Readonly<Record<string, GenesisPart>>> {
    return exportAppState(view, this.modules);
  }

  /** Throws a Refusal (a BizraError with the SDK's code). The bytes are copied. `hash` is the SHA-256 of `bytes` where it is known. */
  decodeTx(bytes: Uint8Array, hash?: Uint8Array): DecodedTx {
    return this.decoder.decode(this.slabs.copy(bytes), hash);
  }

  /**
   * As `decodeTx` for a block's transaction, whose bytes the block keeps; undefined where they are no transaction:
   * execution then gives them a failing result.
   */
  decode(bytes: Uint8Array, hash?: Uint8Array): DecodedTx | undefined {
    try {
      return this.decoder.decode(bytes, hash);
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  /** One transaction's signatures; see `verifyTxs`. */
  async verifyTx(tx: DecodedTx): Promise<CheckResult> {
    const [result] = await this.admission.verify([tx]);
    return result as CheckResult;
  }

  /** Verifies signatures in one batch, and remembers them; code 0 means: go on with `checkTx`. */
  verifyTxs(txs: readonly DecodedTx[]): Promise<CheckResult[]> {
    return this.admission.verify(txs);
  }

  /** Ante steps against the pending state, where code 0 takes effect. `new` needs `verifyTx` before. */
  checkTx(tx: DecodedTx, mode: 'new' | 'recheck'): CheckResult {
    return this.admission.check(tx, mode);
  }

  /** As `checkTx` for a new transaction, without any effect. */
  dryCheckTx(tx: DecodedTx): CheckResult {
    return this.admission.dryCheck(tx);
  }

  /** To be called once a height was published: the pending state is the head again. */
  resetPending(): void {
    this.admission.resetPending();
  }

  /** As `resetPending` for these accounts (keys of addresses) alone; others keep what was checked for them. */
  forgetPending(accounts: readonly string[]): void {
    this.admission.forgetPending(accounts);
  }

  /** Sequence that the account's next transaction must carry; undefined when there is no such account. */
  pendingSequence(address: Address): bigint | undefined {
    return this.admission.pendingSequence(address);
  }

  /** Records that executing `tx` will probably read. */
  touches(tx: DecodedTx): readonly StateRead[] {
    return this.executor.touches(tx);
  }

  /** Executes a block on the committed head, which must not move meanwhile. Writes nothing: see `changes`. */
  execute(request: BlockRequest, options: ExecuteOptions = {}): Promise<BlockExecution> {
    return this.executor.execute(this.components.state, request, options);
  }

  /**
   * Checks signatures of blocks that come later against the committed head, and remembers the verdicts. A hint: it
   * changes no outcome.
   */
  verifyAhead(txs: readonly DecodedTx[], options: Pick<ExecuteOptions, 'prefetch' | 'pause'> = {}): Promise<void> {
    return this.executor.verifyAhead(this.components.state, txs, options);
  }

  /** Runs an unsigned or signed transaction on top of the pending state. Throws a Refusal when it cannot be decoded. */
  simulate(bytes: Uint8Array): TxResult {
    return this.admission.simulate(this.decoder.decode(bytes));
  }

  /** Answers the SDK's query paths from `view`; refusals are answers with a code. */
  query(path: string, data: Uint8Array, view: StateView, extra: QueryExtra = {}): Promise<LedgerQueryResponse> {
    return this.queries.query(path, data, view, extra);
  }

  /** Whether the validator with this consensus address was punished for ever, as of the committed head. */
  isTombstoned(address: Uint8Array): boolean {
    const record = this.components.state.get(SLASHING_STORE, signingInfoKeyBytes(address));
    return this.modules.slashing.isTombstoned(record);
  }

  /** Faults found in a state, in words; none when all invariants hold. */
  async invariants(view: StateView): Promise<string[]> {
    return [...(await bankInvariants(view)), ...(await slashingInvariants(this.modules.slashing, view))];
  }

  private anteParts(options: LedgerOptions): AnteParts {
    const { auth, bank, transfers } = this.modules;
    return {
      auth,
      bank,
      transfers,
      feeCollector: this.addresses.ofModule(FEE_COLLECTOR),
      baseDenom: options.baseDenom,
      minGasPrice: options.minGasPrice,
      chainId: options.chainId,
      chainIdBytes: new TextEncoder().encode(options.chainId),
      signBytes: new ByteSlabs(SIGN_BYTES_SLABS),
      believed: options.brokenRule === 'cacheByHash' ? new Set() : undefined,
    };
  }
}
