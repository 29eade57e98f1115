import type { ConsensusParams } from './params.ts';
import type { Time } from './time.ts';
import type { PublicKey } from './validator-set.ts';

export interface GenesisValidator {
  readonly address: Uint8Array;
  readonly pubKey: PublicKey;
  readonly power: bigint;
  readonly name: string;
}

/** How the chain paces its blocks, and its names. On-chain: the same for every node. */
export interface ChainParams {
  readonly bech32Prefix: string;
  readonly baseDenom: string;
  /** Blocks with work come no closer than this. */
  readonly blockIntervalMinMs: number;
  /** Empty blocks come this often; 0 = as fast as they come. */
  readonly emptyBlockIntervalMs: number;
}

/** The genesis file, checked. */
export interface Genesis {
  readonly genesisTime: Time;
  readonly chainId: string;
  readonly initialHeight: number;
  readonly consensusParams: ConsensusParams;
  readonly validators: readonly GenesisValidator[];
  readonly appHash: Uint8Array;
  /** `app_state.chain`. */
  readonly chain: ChainParams;
  /** `app_state` as parsed JSON, module by module; each module checks its own part. */
  readonly appState: Readonly<Record<string, unknown>>;
  /** sha256 of the file's canonical JSON: two nodes with different files never talk. */
  readonly hash: Uint8Array;
}
