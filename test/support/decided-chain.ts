import { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import { type Ed25519KeyPair, signEd25519 } from '#crypto/ed25519.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { expectedBlockTime } from '#engine/block-validation.ts';
import { Chain } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { chainHistory } from '#engine/evidence-history.ts';
import { EvidencePool } from '#engine/evidence-pool.ts';
import type { TxSupply } from '#engine/tx-supply.ts';
import { Indexer } from '#indexer/indexer.ts';
import { initializeChain, openChain } from '#node/database.ts';
import { RealClock } from '#node/real-clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { State } from '#state/state.ts';
import { BlockStore } from '#storage/block-store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import type { blockIdOf } from '#types/block.ts';
import { type Commit, commitSignBytes, EMPTY_COMMIT, FLAG_COMMIT } from '#types/commit.ts';
import { type Evidence, makeDuplicateVoteEvidence } from '#types/evidence.ts';
import type { Genesis } from '#types/genesis.ts';
import type { Validator, ValidatorSet } from '#types/validator-set.ts';
import { PREVOTE, type UnsignedVote, voteSignBytes } from '#types/vote.ts';
import { EMPTY_BYTES, equalBytes } from '#util/bytes.ts';
import { type SimGenesis, simGenesis } from '../sim/chain/genesis.ts';
import { buildTx, send, type Wallet, wallet } from '../unit/app/support.ts';

/** Between a block's time and its precommits. */
const VOTE_DELAY_NS = 100_000_000n;
const VERIFIER = new InlineVerifier();

/** What the next block carries, besides what the chain itself puts there. */
class GivenTxs implements TxSupply {
  waiting: DecodedTx[] = [];

  reap(): DecodedTx[] {
    return this.waiting;
  }

  hasWork(): boolean {
    return this.waiting.length > 0;
  }

  get(): undefined {}

  update(): void {
    this.waiting = [];
  }
}

interface ChainParts {
  readonly kv: KeyValue;
  readonly made: SimGenesis;
  readonly state: State;
  readonly blockStore: BlockStore;
  readonly chainState: ChainState;
}

/** A decided chain in a database, made by the engine's own parts; its commits have real signatures of all validators. */
export class DecidedChain {
  readonly genesis: Genesis;
  readonly genesisText: string;
  readonly keys: readonly Ed25519KeyPair[];
  readonly wallets: readonly Wallet[];
  readonly kv: KeyValue;
  readonly blockStore: BlockStore;
  readonly state: State;
  readonly ledger: Ledger;
  readonly chain: Chain;
  private readonly supply = new GivenTxs();
  private readonly evidence: EvidencePool;
  private lastCommit: Commit;
  /** Of the wallets' next transactions. */
  readonly sequences: bigint[];

  private constructor({ kv, made, state, blockStore, chainState }: ChainParts) {
    const { genesis, keys, wallets } = made;
    this.genesis = genesis;
    this.genesisText = made.text;
    this.keys = keys;
    this.wallets = wallets;
    this.sequences = wallets.map(() => 0n);
    this.kv = kv;
    this.blockStore = blockStore;
    this.state = state;
    this.lastCommit = blockStore.commit(chainState.height) ?? EMPTY_COMMIT;
    const { bech32Prefix, baseDenom } = genesis.chain;
    this.ledger = new Ledger({ verifier: VERIFIER, state }, { chainId: genesis.chainId, bech32Prefix, baseDenom });
    this.evidence = EvidencePool.restore(
      {
        kv,
        verifier: VERIFIER,
        logger: SILENT_LOGGER,
        history: () => chainHistory(this.chain.state, blockStore),
        isPunished: (address) => this.ledger.isTombstoned(address),
        onPending: () => undefined,
        onFault: (error) => {
          throw error;
        },
      },
      [],
    );
    const reader = {
      base: () => blockStore.base,
      head: () => blockStore.head,
      results: async (height: number) => blockStore.results(height),
    };
    this.chain = new Chain(
      {
        kv,
        state,
        ledger: this.ledger,
        blockStore,
        indexer: new Indexer({ kv, reader }),
        supply: this.supply,
        evidence: this.evidence,
        verifier: VERIFIER,
        clock: new RealClock(),
        logger: SILENT_LOGGER,
        address: chainState.validators.proposer.address,
      },
      chainState,
      blockStore.commit(chainState.height),
    );
  }

  /** In an empty database. `sequences` of the wallets, where the genesis document has others than 0. */
  static async create(
    kv: KeyValue,
    made: SimGenesis = simGenesis(4),
    sequences?: readonly bigint[],
  ): Promise<DecidedChain> {
    await initializeChain(kv, made.genesis, await BlockStore.open(kv));
    const blockStore = await BlockStore.open(kv);
    const chain = new DecidedChain({ kv, made, blockStore, ...(await openChain(kv, made.genesis, {})) });
    for (const [index, sequence] of (sequences ?? []).entries()) chain.sequences[index] = sequence;
    return chain;
  }

  get height(): number {
    return this.chain.state.height;
  }

  /** The next height, with these transactions, decided in round 0 by all validators. */
  async next(txs: readonly Uint8Array[] = []): Promise<void> {
    const { chain, lastCommit, ledger } = this;
    this.supply.waiting = txs.map((bytes) => ledger.decodeTx(bytes));
    const body = chain.build(0, lastCommit, expectedBlockTime(chain.state, { lastCommit }));
    this.lastCommit = this.commitOf(body, chain.state.validators);
    await chain.apply(body, this.lastCommit, 0);
  }

  /** A transfer between two of the wallets, by their numbers, with the payer's next sequence. */
  transfer(from: number, to: number | string, amount = 7n, sequenceAhead = 0n): Uint8Array {
    const sequence = (this.sequences[from] as bigint) + sequenceAhead;
    if (sequenceAhead === 0n) this.sequences[from] = sequence + 1n;
    const payer = this.wallets[from] as Wallet;
    const receiver = typeof to === 'string' ? to : (this.wallets[to] as Wallet).text;
    return buildTx({
      chainId: this.genesis.chainId,
      messages: [send(payer.text, receiver, amount)],
      signers: [{ wallet: payer, sequence, accountNumber: BigInt(from) }],
      fee: { amount: [{ denom: this.genesis.chain.baseDenom, amount: '5000' }] },
    });
  }

  /** The next block will carry a proof that this validator voted twice at a height that is decided. */
  async accuse(validator: number, height: number): Promise<Evidence> {
    const set = await this.blockStore.validators(height);
    const time = this.blockStore.meta(height)?.header.time as bigint;
    const [one, two] = ['one', 'two'].map((name) => this.vote(set, validator, height, name));
    const evidence = makeDuplicateVoteEvidence(one as never, two as never, set, time);
    await this.evidence.add(evidence);
    return evidence;
  }

  private vote(set: ValidatorSet, index: number, height: number, name: string) {
    const { address } = set.get(index) as Validator;
    const hash = new Uint8Array(32).fill(name.length + name.charCodeAt(0));
    const vote: UnsignedVote = {
      type: PREVOTE,
      height,
      round: 0,
      blockId: { hash, partSetHeader: { total: 1, hash } },
      timestamp: this.genesis.genesisTime,
      validatorAddress: address,
      validatorIndex: index,
    };
    return { ...vote, signature: this.sign(set, index, voteSignBytes(this.genesis.chainId, vote)) };
  }

  private commitOf(
    { block, blockId }: { block: Parameters<typeof blockIdOf>[0]; blockId: Commit['blockId'] },
    set: ValidatorSet,
  ): Commit {
    const timestamp = block.header.time + VOTE_DELAY_NS;
    const unsigned: Commit = {
      height: block.header.height,
      round: 0,
      blockId,
      signatures: set.validators.map(({ address }) => ({
        flag: FLAG_COMMIT,
        validatorAddress: address,
        timestamp,
        signature: EMPTY_BYTES,
      })),
    };
    const signatures = unsigned.signatures.map((entry, index) => ({
      ...entry,
      signature: this.sign(set, index, commitSignBytes(this.genesis.chainId, unsigned, index)),
    }));
    return { ...unsigned, signatures };
  }

  private sign(set: ValidatorSet, index: number, message: Uint8Array): Uint8Array {
    const owner = (set.get(index) as Validator).pubKey.bytes;
    const { privateKey } = this.keys.find(({ publicKey }) => equalBytes(publicKey, owner)) as Ed25519KeyPair;
    return signEd25519(privateKey, message);
  }
}

/**
 * A chain with all that leaves something in a database: transfers that succeed and fail, one that fails first and comes
 * again, new accounts, empty blocks, a validator that is punished. `onHeight` is called after each.
 */
export async function eventfulChain(
  kv: KeyValue,
  heights: number,
  onHeight: (height: number) => Promise<void> = async () => undefined,
): Promise<DecidedChain> {
  const made = await DecidedChain.create(kv);
  await onHeight(0);
  let early: Uint8Array | undefined;
  for (let height = 1; height <= heights; height++) {
    const txs: Uint8Array[] = [];
    if (height % 3 !== 0) txs.push(made.transfer(height % 4, (height + 1) % 4, BigInt(height)));
    if (height % 5 === 0) txs.push(made.transfer(1, newcomer(height)));
    // More than there is: fails, and pays its fee.
    if (height % 7 === 0) txs.push(made.transfer(2, 3, 10n ** 15n));
    // Ahead of its turn: fails, and comes again when it is its turn.
    if (height % 8 === 0) early = made.transfer(3, 0, 5n, 1n);
    if (height % 8 === 0 && early !== undefined) txs.push(early);
    if (height % 8 === 1 && early !== undefined) {
      txs.push(made.transfer(3, 1, 1n), early);
      made.transfer(3, 0);
    }
    if (height === 12) await made.accuse(2, 9);
    await made.next(txs);
    await onHeight(height);
  }
  return made;
}

/** An address that nobody has used. */
function newcomer(height: number): string {
  return wallet(`newcomer ${height}`).text;
}

/** Another database with the same rows. */
export async function copyOf(kv: KeyValue): Promise<MemoryKeyValue> {
  const copy = new MemoryKeyValue();
  const batch = copy.batch();
  for await (const [key, value] of kv.iterate({})) batch.put(key, value);
  await batch.write({ sync: true });
  return copy;
}
