import type { CheckResult } from '#app/contract.ts';
import { Refusal } from '#app/errors.ts';
import type { TxLookup } from '#app/query/queries.ts';
import { workSlice } from '#engine/work-slice.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import type {
  AppInfo,
  BlockMeta,
  BlockResults,
  BlockSummary,
  ConsensusState,
  ExecutedTx,
  NetInfo,
  NodeApi,
  NodeEvent,
  NodeInfo,
  NodeStatus,
  PendingTxs,
  QueryRequest,
  QueryResponse,
  RoundVotes,
  StoredBlock,
  StoredCommit,
  Submission,
  TxPosition,
} from '#rpc/node-api.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Genesis } from '#types/genesis.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { Query } from '#types/query.ts';
import type { TxResult } from '#types/results.ts';
import type { PublicKey, ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { BizraError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import { refusedCheck } from './mempool-app.ts';
import type { Node } from './node.ts';
import { answerQuery } from './queries.ts';
import { STEP_NUMBERS } from './round-steps.ts';
import { SimulationTurns } from './simulation-turns.ts';
import { NODE_NAME, NODE_VERSION } from './version.ts';

/** What only the daemon around the node knows: its addresses, its peers, its key. */
export interface NodeDescription {
  node(): NodeInfo;
  netInfo(): NetInfo;
  readonly validator: { readonly address: Uint8Array; readonly pubKey: PublicKey };
}

/** The node as the RPC server sees it. */
export class NodeRpcApi implements NodeApi {
  readonly genesis: Genesis;
  private readonly node: Node;
  private readonly description: NodeDescription;
  private readonly simulations: SimulationTurns;

  constructor(node: Node, description: NodeDescription) {
    this.node = node;
    this.simulations = new SimulationTurns(node.ports.clock);
    this.description = description;
    this.genesis = node.genesis;
  }

  head(): number {
    const { height, initialHeight } = this.node.chain.state;
    return height < initialHeight ? 0 : height;
  }

  base(): number {
    return this.head() === 0 ? 0 : this.node.blockStore.base;
  }

  async block(height: number): Promise<StoredBlock | undefined> {
    if (!this.isKept(height)) return undefined;
    const block = this.node.blockStore.block(height);
    const meta = this.node.blockStore.meta(height);
    return block === undefined || meta === undefined ? undefined : { block, blockId: meta.blockId };
  }

  async blockMeta(height: number): Promise<BlockMeta | undefined> {
    const meta = this.isKept(height) ? this.node.blockStore.meta(height) : undefined;
    if (meta === undefined) return undefined;
    return { header: meta.header, blockId: meta.blockId, blockSize: meta.size, txCount: meta.txCount };
  }

  async heightByHash(hash: Uint8Array): Promise<number | undefined> {
    const height = this.node.blockStore.heightOf(hash);
    return height !== undefined && this.isKept(height) ? height : undefined;
  }

  async commit(height: number): Promise<StoredCommit | undefined> {
    if (!this.isKept(height)) return undefined;
    if (height === this.head()) {
      const commit = this.node.blockStore.commit(height);
      return commit === undefined ? undefined : { commit, canonical: false };
    }
    const commit = this.node.blockStore.canonicalCommit(height);
    return commit === undefined ? undefined : { commit, canonical: true };
  }

  async results(height: number): Promise<BlockResults | undefined> {
    if (!this.isKept(height)) return undefined;
    const results = await this.node.blockStore.resultsAt(height, undefined, this.newPause());
    const meta = this.node.blockStore.meta(height);
    if (results === undefined || meta === undefined) return undefined;
    const txResults = results.txResults as readonly TxResult[];
    // The ledger has no way yet to change parameters after genesis.
    return { height, ...results, txResults, consensusParams: undefined, appHash: meta.appHash };
  }

  async tx({ height, index }: TxPosition): Promise<ExecutedTx | undefined> {
    return this.isKept(height) ? this.node.blockStore.tx(height, index) : undefined;
  }

  async validators(height: number): Promise<ValidatorSet | undefined> {
    return this.ofNextHeightToo(height) ? this.node.blockStore.validators(height) : undefined;
  }

  async consensusParams(height: number): Promise<ConsensusParams | undefined> {
    return this.ofNextHeightToo(height) ? this.node.blockStore.params(height) : undefined;
  }

  async txByHash(hash: Uint8Array): Promise<TxPosition | undefined> {
    const position = this.node.indexer.txByHash(hash);
    return position !== undefined && this.isKept(position.height) ? position : undefined;
  }

  async searchTxs(query: Query): Promise<readonly TxPosition[]> {
    return this.node.indexer.searchTxs(query, this.newPause());
  }

  async searchBlocks(query: Query): Promise<readonly number[]> {
    return this.node.indexer.searchBlocks(query, this.newPause());
  }

  async submitTx(tx: Uint8Array): Promise<Submission> {
    const result = await this.node.mempool.admit(tx, 'rpc');
    if (result.refusal !== undefined) throw new BizraError(`mempool_${result.refusal}`, result.log);
    return result;
  }

  async checkTx(tx: Uint8Array): Promise<CheckResult> {
    try {
      const decoded = this.node.ledger.decodeTx(tx);
      const verified = await this.node.ledger.verifyTx(decoded);
      return verified.code === 0 ? this.node.ledger.dryCheckTx(decoded) : verified;
    } catch (error) {
      if (error instanceof Refusal) return refusedCheck(error, 0n);
      throw error;
    }
  }

  pendingTxs(limit: number): PendingTxs {
    const { mempool } = this.node;
    return {
      txs: mempool.list(limit).map(({ bytes }) => bytes),
      totalCount: mempool.count,
      totalBytes: mempool.bytes,
    };
  }

  appInfo(): AppInfo {
    const { height, appHash } = this.node.chain.state;
    return { name: NODE_NAME, version: NODE_VERSION, lastHeight: height, lastAppHash: appHash };
  }

  query(request: QueryRequest): Promise<QueryResponse> {
    const { ledger, state } = this.node;
    const { simulations } = this;
    return answerQuery({ ledger, state, simulations, getTx: (hash) => this.lookUpTx(hash) }, request);
  }

  newPause(): Pause {
    return workSlice(this.node.ports.clock);
  }

  status(): NodeStatus {
    const { validator } = this.description;
    const index = this.node.chain.state.validators.indexOf(validator.address);
    return {
      node: this.description.node(),
      latest: this.summary(this.head()),
      earliest: this.summary(this.base()),
      catchingUp: this.node.sync.catchingUp,
      validator: { ...validator, votingPower: this.node.chain.state.validators.get(index)?.votingPower ?? 0n },
    };
  }

  netInfo(): NetInfo {
    return this.description.netInfo();
  }

  consensusState(): ConsensusState {
    const { consensus, chain } = this.node;
    const { height } = consensus;
    const validators = consensus.validatorsAt(height) ?? chain.state.validators;
    const round = Math.max(consensus.round, 0);
    return {
      height,
      round,
      step: STEP_NUMBERS[consensus.step],
      startTime: chain.state.lastBlockTime,
      proposalBlockHash: consensus.proposal()?.blockId.hash,
      lockedRound: consensus.lockedRound,
      lockedBlockHash: consensus.lockedBlockId?.hash,
      validRound: consensus.validRound,
      validBlockHash: consensus.validBlockId?.hash,
      validators: round === 0 ? validators : validators.incremented(round),
      votes: consensus.voteRounds().map((of) => this.roundVotes(height, of, validators.size)),
    };
  }

  async addEvidence(evidence: Evidence): Promise<Uint8Array> {
    await this.node.addEvidence(evidence);
    return evidenceHash(evidence);
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    return this.node.events.subscribe(listener);
  }

  private isKept(height: number): boolean {
    return height >= 1 && height >= this.base() && height <= this.head();
  }

  private ofNextHeightToo(height: number): boolean {
    const { initialHeight } = this.node.chain.state;
    return height >= Math.max(this.base(), initialHeight) && height <= this.node.chain.state.height + 1;
  }

  private summary(height: number): BlockSummary | undefined {
    const meta = this.isKept(height) ? this.node.blockStore.meta(height) : undefined;
    if (meta === undefined) return undefined;
    return { hash: meta.blockId.hash, appHash: meta.header.appHash, height, time: meta.header.time };
  }

  private roundVotes(height: number, round: number, size: number): RoundVotes {
    const placed = (type: VoteType): (Vote | undefined)[] => {
      const votes = new Array<Vote | undefined>(size).fill(undefined);
      for (const vote of this.node.consensus.votes(height, round, type)) votes[vote.validatorIndex] ??= vote;
      return votes;
    };
    return { round, prevotes: placed(PREVOTE), precommits: placed(PRECOMMIT) };
  }

  private async lookUpTx(hash: Uint8Array): Promise<TxLookup | undefined> {
    const position = await this.txByHash(hash);
    if (position === undefined) return undefined;
    const found = await this.tx(position);
    const meta = this.node.blockStore.meta(position.height);
    if (found === undefined || meta === undefined) return undefined;
    return { height: position.height, bytes: found.tx, result: found.result, time: meta.header.time };
  }
}
