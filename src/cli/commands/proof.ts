import type { Command } from 'commander';
import { homePaths, readTextFile } from '#config/home.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { checkLightBlock, type LightBlock, verifyOwnCommit } from '#light/index.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { usageError } from '../errors.ts';
import {
  blockJson,
  currentTime,
  describePower,
  describeRoot,
  genesisRoot,
  isTooOld,
  openLightSession,
  readTrustRoot,
  type TrustOptions,
  type TrustRoot,
  withTrust,
} from '../light-session.ts';
import {
  type HomeOptions,
  type JsonOptions,
  type NodeOptions,
  wholeNumber,
  withHome,
  withJson,
  withNode,
} from '../options.ts';
import { formatPairs, print } from '../output.ts';
import { askForProof, claimedValue, verifyAnswer, waitForHeight } from '../proven-value.ts';
import { type AbciAnswer, RpcClient } from '../rpc-client.ts';
import { RpcLightProvider } from '../rpc-light-provider.ts';
import type { Terminal } from '../terminal.ts';

interface ProofOptions extends NodeOptions, JsonOptions, HomeOptions, TrustOptions {
  readonly height?: number;
  readonly verify?: boolean;
}

/** The header that proves an answer, and why it is believed. */
interface ProvingHeader {
  readonly block: LightBlock;
  /** Undefined: its own validators signed it, and who they are is the node's word. */
  readonly root: TrustRoot | undefined;
}

function parseKey(text: string): Uint8Array {
  const hex = text.replace(/^0x/, '');
  if (!/^([0-9a-fA-F]{2})+$/.test(hex))
    throw usageError(`key "${text.slice(0, 80)}" is not hex; write whole bytes, like 02`);
  return fromHex(hex);
}

/** The home's genesis file, where it is of the node's chain and its validators' word still counts. */
async function homeRoot(client: RpcClient, options: ProofOptions): Promise<TrustRoot | undefined> {
  const path = homePaths(options.home).genesisFile;
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  const root = genesisRoot(path, text);
  if (root.kind !== 'genesis' || root.genesis.chainId !== (await client.chainId())) return undefined;
  return isTooOld(root.genesis.genesisTime, options.trustingPeriod) ? undefined : root;
}

/** The header of a height: its commit is signed by more than two thirds of the validators that it names. */
async function provingHeader(client: RpcClient, height: number, options: ProofOptions): Promise<ProvingHeader> {
  await waitForHeight(client, height);
  const root = (await readTrustRoot(options)) ?? (await homeRoot(client, options));
  if (root === undefined) {
    const block = await new RpcLightProvider(options.node).lightBlock(height);
    const chainId = await client.chainId();
    checkLightBlock(chainId, block);
    await verifyOwnCommit(new InlineVerifier(), { chainId }, block);
    return { block, root };
  }
  const session = await openLightSession(root, { node: options.node, trustingPeriod: options.trustingPeriod });
  const { block } = await session.client.verify(height, currentTime());
  return { block, root };
}

function describeTrust({ block, root }: ProvingHeader): string {
  const signed = `signed by power ${describePower(block)}`;
  if (root === undefined) {
    return `${signed}; WHO the validators are is only the node's word: give --trusted-height and --trusted-hash, or --genesis`;
  }
  return `${signed}; validators follow from ${describeRoot(root)}`;
}

function tell(
  terminal: Terminal,
  options: ProofOptions,
  store: string,
  key: Uint8Array,
  answer: AbciAnswer,
  proving: ProvingHeader | undefined,
): void {
  const found = claimedValue(answer);
  const value = found === undefined ? null : toHex(found);
  const json = {
    store,
    key: toHex(key),
    value,
    height: answer.height,
    verified: proving !== undefined,
    ...(proving === undefined ? {} : { trust: proving.root?.kind ?? 'none', header: blockJson(proving.block) }),
    proof_ops: answer.proofOps,
  };
  print(terminal, options.json === true, json, () =>
    formatPairs([
      ['key', toHex(key)],
      ['value', value ?? 'absent'],
      ['height', String(answer.height)],
      ...(proving === undefined
        ? ([['proof', 'not checked; --verify checks it']] as const)
        : ([
            ['proof', `leads to the app hash of header ${proving.block.header.height}`],
            ['header', describeTrust(proving)],
          ] as const)),
    ]),
  );
}

async function proof(
  terminal: Terminal,
  store: string,
  keyTexts: readonly string[],
  options: ProofOptions,
): Promise<void> {
  if (!/^[a-z][a-z0-9]{0,31}$/.test(store))
    throw usageError(`store "${store.slice(0, 40)}" is not a store name, like bank`);
  const keys = keyTexts.map(parseKey);
  const client = new RpcClient(options.node);
  let { height } = options;
  const answers: AbciAnswer[] = [];
  for (const key of keys) {
    const answer = await askForProof(client, store, key, height);
    // All are of one height: together they are one view of the state.
    height = answer.height;
    answers.push(answer);
  }
  const proving =
    options.verify === true && height !== undefined ? await provingHeader(client, height + 1, options) : undefined;
  for (const [index, answer] of answers.entries()) {
    const key = keys[index] as Uint8Array;
    if (proving !== undefined) verifyAnswer(answer, store, key, proving.block);
  }
  for (const [index, answer] of answers.entries()) {
    tell(terminal, options, store, keys[index] as Uint8Array, answer, proving);
  }
}

export function registerProof(group: Command, terminal: Terminal): void {
  withTrust(withHome(withJson(withNode(group.command('proof'), terminal)), terminal))
    .argument('<store>', 'store, such as bank or acc')
    .argument('<key...>', 'keys in hex; more than one are answered at one height')
    .description('values of the state, or their absence, with their proofs')
    .option('--verify', 'check the proof down to the signatures of the validators')
    .option(
      '--height <n>',
      'height (default: the newest that can be proven)',
      wholeNumber('--height', 1, Number.MAX_SAFE_INTEGER),
    )
    .action((store: string, keys: readonly string[], options: ProofOptions) => proof(terminal, store, keys, options));
}
