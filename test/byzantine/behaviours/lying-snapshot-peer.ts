import type { Request } from '#network/messages.ts';
import { decodeAnswer, encodeAnswer } from '#network/request-codec.ts';
import { CHUNKS_MAX } from '#state/snapshot/limits.ts';
import { FLAG_ABSENT } from '#types/commit.ts';
import type { LightBlock } from '#types/light-block.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Of an answer that never comes, and of one that comes when the asker has nearly given up. Milliseconds. */
const NEVER_MS = 120_000;
const SLOW_MS = 9_000;
/** Bytes of a chunk or manifest that is made up, at most. */
const MADE_UP_BYTES = 2_000;
/** Light blocks are true as often, or nobody would come as far as to chunks. */
const TRUE_HEADERS = 0.7;

type Honest = () => Promise<Uint8Array>;
type Lie = readonly [name: string, tell: (rig: Rig, request: Request, honest: Honest) => Promise<Uint8Array>];

/** Offers snapshots that there are not, and gives chunks, manifests and headers that are not the chain's. */
export const lyingSnapshotPeer: BehaviourKind = {
  attacks:
    'liveness of nodes that begin with a snapshot: one that cannot be had, or never ends; safety: a state that is not ' +
    "the chain's; memory: lists and lengths without end",
  defence:
    'the header behind a snapshot follows from a trusted one, the manifest from its app hash, each chunk from the manifest; ' +
    'who sends another one is banned, who sends none is left alone (statesync-state-complete, statesync-priorities)',
  create: (rig) => ({
    answer: async (_peer, request, honest) => {
      const lies = liesAbout(request);
      if (lies === undefined || (request.kind === 'getLightBlocks' && rig.chance(TRUE_HEADERS))) return honest();
      const [name, tell] = rig.pick(lies);
      rig.note(`${request.kind}: ${name}`);
      return tell(rig, request, honest);
    },
  }),
};

function liesAbout({ kind }: Request): readonly Lie[] | undefined {
  switch (kind) {
    case 'getSnapshots':
      return OFFERS;
    case 'getManifest':
    case 'getChunk':
      return CONTENTS;
    case 'getLightBlocks':
      return HEADERS;
    default:
      return undefined;
  }
}

const TRUTH: Lie = ['the truth', (_rig, _request, honest) => honest()];
const SILENCE: Lie = ['silence', (rig, _request, honest) => rig.after(NEVER_MS).then(honest)];
const CUT: Lie = [
  'a cut answer',
  async (rig, _request, honest) => {
    const bytes = await honest();
    return bytes.subarray(0, rig.below(bytes.length));
  },
];

/** The truth most often: whoever has nothing to offer is not asked for anything. */
const OFFERS: readonly Lie[] = [
  TRUTH,
  TRUTH,
  TRUTH,
  SILENCE,
  ['one of the last height there can be', async (rig) => offer(rig, Number.MAX_SAFE_INTEGER - 1, CHUNKS_MAX)],
  ['one that nobody else has', async (rig) => offer(rig, 1 + rig.below(1_000), 5)],
  ['2^32 chunks', async (rig) => offer(rig, 5, 2 ** 32 - 1)],
  ['nothing', async () => encodeAnswer('getSnapshots', { snapshots: [] })],
];

function offer(rig: Rig, height: number, chunks: number): Uint8Array {
  return encodeAnswer('getSnapshots', { snapshots: [{ height, id: rig.random.bytes(32), chunks }] });
}

const CONTENTS: readonly Lie[] = [
  TRUTH,
  SILENCE,
  CUT,
  ['delay', (rig, _request, honest) => rig.after(SLOW_MS).then(honest)],
  ['nothing', async (_rig, { kind }) => made(kind, undefined)],
  ['something made up', async (rig, { kind }) => made(kind, rig.random.bytes(1 + rig.below(MADE_UP_BYTES)))],
  [
    'another chunk',
    async (rig, request, honest) => {
      if (request.kind !== 'getChunk') return honest();
      const { chunk } = await rig.ask<'getChunk'>({ ...request, index: request.index === 0 ? 1 : request.index - 1 });
      return made('getChunk', chunk);
    },
  ],
];

function made(kind: Request['kind'], bytes: Uint8Array | undefined): Uint8Array {
  return kind === 'getChunk'
    ? encodeAnswer('getChunk', { chunk: bytes })
    : encodeAnswer('getManifest', { manifest: bytes });
}

const HEADERS: readonly Lie[] = [
  SILENCE,
  CUT,
  ['none', async () => encodeAnswer('getLightBlocks', { blocks: [] })],
  altered('another app hash', (rig, block) => ({
    ...block,
    header: { ...block.header, appHash: rig.random.bytes(32) },
  })),
  altered('a forged commit', (rig, { commit, ...block }) => {
    const signatures = commit.signatures.map((sig) =>
      sig.flag === FLAG_ABSENT ? sig : { ...sig, signature: rig.random.bytes(64) },
    );
    return { ...block, commit: { ...commit, signatures } };
  }),
  altered('a commit of another round', (_rig, { commit, ...block }) => ({
    ...block,
    commit: { ...commit, round: commit.round + 1 },
  })),
  altered('other priorities', (_rig, block) => ({ ...block, validators: block.validators.incremented(1) })),
];

function altered(name: string, change: (rig: Rig, block: LightBlock) => LightBlock): Lie {
  return [
    name,
    async (rig, request, honest) => {
      if (request.kind !== 'getLightBlocks') return honest();
      const { blocks } = decodeAnswer<'getLightBlocks'>(request, await honest(), rig.means.limits);
      return encodeAnswer('getLightBlocks', { blocks: blocks.map((block) => change(rig, block)) });
    },
  ];
}
