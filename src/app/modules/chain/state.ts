import { BinaryReader, BinaryWriter } from 'cosmjs-types/binary';
import type { ChainParams } from '#types/genesis.ts';
import { type ConsensusParams, decodeConsensusParams, encodeConsensusParams } from '#types/params.ts';
import { type Codec, Collection, type StoreAccess } from '../../store/collection.ts';
import type { ReadRecord } from '../auth/state.ts';

/** The SDK's store and key of CometBFT's parameters. */
export const CONSENSUS_STORE = 'consensus';
const CONSENSUS_PARAMS_KEY = 'Consensus';

/** This chain's own parameters: names and pace. */
export const CHAIN_STORE = 'chain';
const CHAIN_PARAMS_KEY = '\x00';

const consensusParamsCodec: Codec<ConsensusParams> = {
  encode: encodeConsensusParams,
  size: (params) => encodeConsensusParams(params).length,
  decode: decodeConsensusParams,
};

const chainParamsCodec: Codec<ChainParams> = {
  encode: encodeChainParams,
  size: (params) => encodeChainParams(params).length,
  decode: decodeChainParams,
};

/** Parameters that every node must share, so the app hash covers them. */
export class ChainModuleState {
  private readonly consensus = new Collection<ConsensusParams>(CONSENSUS_STORE, consensusParamsCodec);
  private readonly chain = new Collection<ChainParams>(CHAIN_STORE, chainParamsCodec);

  getConsensusParams(access: StoreAccess): ConsensusParams | undefined {
    return this.consensus.get(access, CONSENSUS_PARAMS_KEY);
  }

  /** The parameters of a view that `read` reads. */
  queryConsensusParams(read: ReadRecord): Promise<ConsensusParams | undefined> {
    return read(this.consensus, CONSENSUS_PARAMS_KEY);
  }

  setConsensusParams(access: StoreAccess, params: ConsensusParams): void {
    this.consensus.set(access, CONSENSUS_PARAMS_KEY, params);
  }

  getChainParams(access: StoreAccess): ChainParams | undefined {
    return this.chain.get(access, CHAIN_PARAMS_KEY);
  }

  setChainParams(access: StoreAccess, params: ChainParams): void {
    this.chain.set(access, CHAIN_PARAMS_KEY, params);
  }
}

/** `{bech32_prefix=1, base_denom=2, block_interval_min_ms=3, empty_block_interval_ms=4}`, zeros left out. */
function encodeChainParams(params: ChainParams): Uint8Array {
  const writer = BinaryWriter.create();
  writer.uint32(0x0a).string(params.bech32Prefix);
  writer.uint32(0x12).string(params.baseDenom);
  if (params.blockIntervalMinMs > 0) writer.uint32(0x18).uint32(params.blockIntervalMinMs);
  if (params.emptyBlockIntervalMs > 0) writer.uint32(0x20).uint32(params.emptyBlockIntervalMs);
  return writer.finish();
}

function decodeChainParams(bytes: Uint8Array): ChainParams {
  const reader = new BinaryReader(bytes);
  let bech32Prefix = '';
  let baseDenom = '';
  let blockIntervalMinMs = 0;
  let emptyBlockIntervalMs = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 0x0a) bech32Prefix = reader.string();
    else if (tag === 0x12) baseDenom = reader.string();
    else if (tag === 0x18) blockIntervalMinMs = reader.uint32();
    else emptyBlockIntervalMs = reader.uint32();
  }
  return { bech32Prefix, baseDenom, blockIntervalMinMs, emptyBlockIntervalMs };
}
