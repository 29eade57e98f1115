import { Indexer } from '#indexer/indexer.ts';
import type {
  BlockSummary,
  ConsensusState,
  NetInfo,
  NodeApi,
  NodeEvent,
  NodeInfo,
  NodeStatus,
  PendingTxs,
  QueryRequest,
  QueryResponse,
  Submission,
  TxPosition,
} from '#rpc/node-api.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { txHash } from '#types/block.ts';
import type { Genesis } from '#types/genesis.ts';
import type { Query } from '#types/query.ts';
import { parseTime } from '#types/time.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { equalBytes, fromHex, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import type { RecordedChain } from './recorded-chain.ts';
import { base64Bytes, paramsFrom, publicKeyFrom, type Recorded } from './recorded-json.ts';

/** Heights whose blocks, results and events were recorded in full. */
const RECORDED_HEIGHTS = 90;
const HEAD = 195;

/** A node that answers from the recorded chain. Its mempool and ledger say what the real ones said. */
export class RecordedNode implements NodeApi {
  readonly genesis: Genesis;
  readonly submitted: Uint8Array[] = [];
  /** What `submitTx` answers, by hash in hex; other transactions are admitted. */
  readonly verdicts = new Map<string, Partial<Submission>>();
  private readonly chain: RecordedChain;
  private readonly indexer: Indexer;
  private readonly kv = new MemoryKeyValue();
  private readonly listeners = new Set<(event: NodeEvent) => void>();

  private constructor(chain: RecordedChain) {
    this.chain = chain;
    this.genesis = genesisFrom(chain.genesis.genesis ?? chain.genesis);
    const reader = { base: () => 1, head: () => HEAD, results: async (height: number) => chain.results.get(height) };
    this.indexer = new Indexer({ kv: this.kv, reader });
  }

  static async create(chain: RecordedChain): Promise<RecordedNode> {
    const node = new RecordedNode(chain);
    for (let height = 1; height <= RECORDED_HEIGHTS; height++) {
      const batch = node.kv.batch();
      const { txResults, blockEvents } = chain.results.get(height)!;
      const txHashes = chain.blocks.get(height)!.block.txs.map(txHash);
      await node.indexer.index(batch, { height, txHashes, txResults, blockEvents });
      await batch.write({ sync: true });
    }
    return node;
  }

  /** Tells listeners that a recorded height was committed. */
  publishHeight(height: number): void {
    const { block, blockId } = this.chain.blocks.get(height)!;
    const results = this.chain.results.get(height)!;
    this.publish({ kind: 'block', block, blockId, txHashes: block.txs.map(txHash), results });
  }

  publish(event: NodeEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  get listenerCount(): number {
    return this.listeners.size;
  }

  head = (): number => HEAD;
  base = (): number => 1;
  block: NodeApi['block'] = async (height) => this.chain.blocks.get(height);
  blockMeta: NodeApi['blockMeta'] = async (height) => this.chain.metas.get(height);
  commit: NodeApi['commit'] = async (height) => this.chain.commits.get(height);
  results: NodeApi['results'] = async (height) => this.chain.results.get(height);
  tx: NodeApi['tx'] = async ({ height, index }) => {
    const tx = this.chain.blocks.get(height)?.block.txs[index];
    const result = this.chain.results.get(height)?.txResults[index];
    return tx === undefined || result === undefined ? undefined : { tx, result };
  };
  newPause: NodeApi['newPause'] = () => NEVER_PAUSE;
  consensusParams: NodeApi['consensusParams'] = async () => this.chain.params;

  async heightByHash(hash: Uint8Array): Promise<number | undefined> {
    for (const [height, meta] of this.chain.metas) if (equalBytes(meta.blockId.hash, hash)) return height;
    return undefined;
  }

  async validators(height: number): Promise<ValidatorSet | undefined> {
    const validators = this.chain.validators.get(height);
    if (validators === undefined) return undefined;
    // The proposer of a round has the lowest priority: it has just paid for its turn.
    const proposer = validators.reduce((a, b) => (b.proposerPriority < a.proposerPriority ? b : a));
    return ValidatorSet.restore(validators, proposer.address);
  }

  txByHash = async (hash: Uint8Array): Promise<TxPosition | undefined> => this.indexer.txByHash(hash);
  searchTxs = (query: Query): Promise<TxPosition[]> => this.indexer.searchTxs(query);
  searchBlocks = (query: Query): Promise<number[]> => this.indexer.searchBlocks(query);

  async submitTx(tx: Uint8Array): Promise<Submission> {
    this.submitted.push(tx);
    return { code: 0, codespace: '', log: '', gasWanted: 0n, gasUsed: 0n, ...this.verdict(tx), hash: txHash(tx) };
  }

  async checkTx(tx: Uint8Array): Promise<Submission> {
    return { code: 0, codespace: '', log: '', gasWanted: 5n, gasUsed: 3n, ...this.verdict(tx), hash: txHash(tx) };
  }

  private verdict(tx: Uint8Array): Partial<Submission> {
    const verdict = this.verdicts.get(toHex(txHash(tx)));
    if (verdict?.log === 'throw') throw new BizraError('tx_in_cache', 'tx already exists in cache');
    return verdict ?? {};
  }

  pendingTxs = (limit: number): PendingTxs => ({
    txs: this.submitted.slice(0, limit),
    totalCount: this.submitted.length,
    totalBytes: this.submitted.reduce((sum, tx) => sum + tx.length, 0),
  });

  appInfo: NodeApi['appInfo'] = () => ({
    name: 'recorded',
    version: '1.0',
    lastHeight: HEAD,
    lastAppHash: fromHex(this.chain.posted('status').sync_info.latest_app_hash),
  });

  async query({ path }: QueryRequest): Promise<QueryResponse> {
    const recorded = this.chain.exchanges.find(({ request }) => {
      const asked = (request.body as Recorded | undefined)?.params?.path;
      return asked === path || request.path.startsWith(`/abci_query?path=%22${path}%22`);
    });
    const { response } = JSON.parse(recorded?.body ?? '{}').result;
    return {
      code: response.code,
      codespace: response.codespace,
      log: response.log,
      info: response.info,
      index: BigInt(response.index),
      key: response.key === null ? undefined : base64Bytes(response.key),
      value: response.value === null ? undefined : base64Bytes(response.value),
      proofOps: undefined,
      height: Number(response.height),
    };
  }

  status(): NodeStatus {
    const { node_info, sync_info, validator_info } = this.chain.posted('status') as Recorded;
    return {
      node: nodeInfoFrom(node_info),
      latest: summaryFrom(sync_info, 'latest'),
      earliest: summaryFrom(sync_info, 'earliest'),
      catchingUp: false,
      validator: {
        address: fromHex(validator_info.address),
        pubKey: publicKeyFrom(validator_info.pub_key),
        votingPower: BigInt(validator_info.voting_power),
      },
    };
  }

  netInfo(): NetInfo {
    const { listening, listeners, peers } = this.chain.answer('/net_info') as Recorded;
    return {
      listening,
      listeners,
      peers: peers.map((peer: Recorded) => ({
        node: nodeInfoFrom(peer.node_info),
        outbound: peer.is_outbound,
        remoteIp: peer.remote_ip,
        connectedAt: parseTime(peer.connection_status.SendMonitor.Start),
        connectedForNs: BigInt(peer.connection_status.Duration),
        sentBytes: BigInt(peer.connection_status.SendMonitor.Bytes),
        receivedBytes: BigInt(peer.connection_status.RecvMonitor.Bytes),
        progress: { height: 196, round: 0, step: 1 },
      })),
    };
  }

  consensusState(): ConsensusState {
    const { round_state } = this.chain.answer('/consensus_state') as Recorded;
    const validators = this.chain.validators.get(196)!;
    const nobody = validators.map(() => undefined);
    return {
      height: 196,
      round: 0,
      step: 1,
      startTime: parseTime(round_state.start_time),
      proposalBlockHash: undefined,
      lockedRound: -1,
      lockedBlockHash: undefined,
      validRound: -1,
      validBlockHash: undefined,
      validators: ValidatorSet.restore(validators, fromHex(round_state.proposer.address)),
      votes: [{ round: 0, prevotes: nobody, precommits: nobody }],
    };
  }

  addEvidence: NodeApi['addEvidence'] = async () => new Uint8Array(32);

  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

function nodeInfoFrom(json: Recorded): NodeInfo {
  const { p2p, block, app } = json.protocol_version;
  return {
    id: json.id,
    listenAddress: json.listen_addr,
    moniker: json.moniker,
    version: json.version,
    protocol: { p2p: BigInt(p2p), block: BigInt(block), app: BigInt(app) },
    other: json.other,
  };
}

function summaryFrom(json: Recorded, name: 'latest' | 'earliest'): BlockSummary {
  return {
    hash: fromHex(json[`${name}_block_hash`]),
    appHash: fromHex(json[`${name}_app_hash`]),
    height: Number(json[`${name}_block_height`]),
    time: parseTime(json[`${name}_block_time`]),
  };
}

function genesisFrom(json: Recorded): Genesis {
  return {
    genesisTime: parseTime(json.genesis_time),
    chainId: json.chain_id,
    initialHeight: Number(json.initial_height),
    consensusParams: paramsFrom(json.consensus_params),
    validators: [],
    appHash: fromHex(json.app_hash),
    chain: { bech32Prefix: 'cosmos', baseDenom: 'stake', blockIntervalMinMs: 0, emptyBlockIntervalMs: 1000 },
    appState: json.app_state,
    hash: new Uint8Array(32),
  };
}
