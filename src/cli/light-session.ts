import type { Command } from 'commander';
import { readTextFile } from '#config/home.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { LightClient, type LightClientOptions, MemoryTrustedStore } from '#light/index.ts';
import { FLAG_COMMIT } from '#types/commit.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { hashHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { formatTime, type Time } from '#types/time.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { usageError } from './errors.ts';
import { wholeNumber } from './options.ts';
import { groupDigits, safeText } from './output.ts';
import { RpcClient } from './rpc-client.ts';
import { RpcLightProvider } from './rpc-light-provider.ts';

/** Hours: a week, as CometBFT's light client has it; stake unbonds in three. */
const DEFAULT_TRUSTING_HOURS = 168;
const MAX_TRUSTING_HOURS = 100_000;
const NS_PER_HOUR = 3_600_000_000_000n;
const NS_PER_MS = 1_000_000n;

export interface TrustOptions {
  readonly trustedHeight?: number;
  readonly trustedHash?: string;
  readonly genesis?: string;
  readonly trustingPeriod: number;
}

/** What a person trusts before anything was verified. */
export type TrustRoot =
  | { readonly kind: 'header'; readonly height: number; readonly hash: Uint8Array }
  | { readonly kind: 'genesis'; readonly genesis: Genesis; readonly path: string };

export interface LightSessionOptions {
  readonly node: string;
  readonly witnesses?: readonly string[];
  readonly trustingPeriod: number;
  readonly mode?: LightClientOptions['mode'];
  readonly onVerified?: LightClientOptions['onVerified'];
}

export interface LightSession {
  readonly client: LightClient;
  readonly chainId: string;
  /** The first block that is trusted. */
  readonly root: LightBlock;
}

export function withTrust(command: Command): Command {
  return command
    .option(
      '--trusted-height <n>',
      'height of a header that you trust',
      wholeNumber('--trusted-height', 1, Number.MAX_SAFE_INTEGER),
    )
    .option('--trusted-hash <hex>', 'its hash, from people whom you know: not from the node that is asked')
    .option('--genesis <file>', 'trust the validators of this genesis file instead')
    .option(
      '--trusting-period <hours>',
      'how long signatures are believed; shorter than stake takes to unbond',
      wholeNumber('--trusting-period', 1, MAX_TRUSTING_HOURS),
      DEFAULT_TRUSTING_HOURS,
    );
}

/** What the options name; undefined when they name nothing. Throws `usage` or `bad_genesis`. */
export async function readTrustRoot(options: TrustOptions): Promise<TrustRoot | undefined> {
  const { trustedHeight, trustedHash, genesis } = options;
  if ((trustedHeight === undefined) !== (trustedHash === undefined)) {
    throw usageError('--trusted-height and --trusted-hash are given together or not at all');
  }
  if (genesis !== undefined && trustedHeight !== undefined) {
    throw usageError('give --genesis or a trusted header, not both');
  }
  if (genesis !== undefined) return genesisRoot(genesis, await readTextFile(genesis));
  if (trustedHeight === undefined || trustedHash === undefined) return undefined;
  const hex = trustedHash.replace(/^0x/, '');
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) {
    throw usageError(`--trusted-hash ${safeText(trustedHash, 80)} is not a hash; 64 hex digits expected`);
  }
  return { kind: 'header', height: trustedHeight, hash: fromHex(hex) };
}

export function genesisRoot(path: string, text: string | undefined): TrustRoot {
  if (text === undefined) throw usageError(`there is no genesis file ${path}`);
  return { kind: 'genesis', genesis: parseGenesis(text), path };
}

/** A client of the nodes that trusts the root, and nothing yet beyond it. */
export async function openLightSession(root: TrustRoot, options: LightSessionOptions): Promise<LightSession> {
  const { node, witnesses = [], mode, onVerified, trustingPeriod } = options;
  // The node's word for now: the trusted header's hash binds it, the genesis file names it.
  const chainId = root.kind === 'genesis' ? root.genesis.chainId : await new RpcClient(node).chainId();
  const components = {
    verifier: new InlineVerifier(),
    store: new MemoryTrustedStore(),
    primary: new RpcLightProvider(node),
    witnesses: witnesses.map((url) => new RpcLightProvider(url)),
  };
  const client = new LightClient(components, {
    chainId,
    trustingPeriodNs: BigInt(trustingPeriod) * NS_PER_HOUR,
    ...(mode === undefined ? {} : { mode }),
    ...(onVerified === undefined ? {} : { onVerified }),
  });
  return { client, chainId, root: await trust(client, root) };
}

async function trust(client: LightClient, root: TrustRoot): Promise<LightBlock> {
  if (root.kind === 'header') return client.trustHeader(root.height, root.hash, currentTime());
  const { initialHeight, genesisTime, validators } = root.genesis;
  const set = ValidatorSet.create(validators.map(({ pubKey, power }) => ({ pubKey, votingPower: power })));
  return client.trustGenesis({ initialHeight, genesisTime, validators: set }, currentTime());
}

/** Whether what was signed at that time is believed no more. */
export function isTooOld(time: Time, trustingPeriod: number): boolean {
  return time + BigInt(trustingPeriod) * NS_PER_HOUR <= currentTime();
}

export function currentTime(): Time {
  return BigInt(Date.now()) * NS_PER_MS;
}

export function describeRoot(root: TrustRoot): string {
  return root.kind === 'header' ? `header ${root.height}, as you named it` : `the genesis file ${root.path}`;
}

/** What is told of a verified block. */
export function blockJson({ header, commit, validators }: LightBlock): Record<string, unknown> {
  return {
    height: header.height,
    hash: toHex(hashHeader(header)).toUpperCase(),
    time: formatTime(header.time),
    app_hash: toHex(header.appHash).toUpperCase(),
    validators_hash: toHex(header.validatorsHash).toUpperCase(),
    validators: validators.size,
    signed_power: String(signedPower({ commit, validators })),
    total_power: String(validators.totalPower),
  };
}

export function describePower(block: Pick<LightBlock, 'commit' | 'validators'>): string {
  return `${groupDigits(signedPower(block))} of ${groupDigits(block.validators.totalPower)}`;
}

/** Power of those who voted for the block. */
function signedPower({ commit, validators }: Pick<LightBlock, 'commit' | 'validators'>): bigint {
  let power = 0n;
  for (const [index, { flag }] of commit.signatures.entries()) {
    if (flag === FLAG_COMMIT) power += validators.get(index)?.votingPower ?? 0n;
  }
  return power;
}
