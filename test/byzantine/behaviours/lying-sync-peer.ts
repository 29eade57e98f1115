import { makeBody } from '#engine/body.ts';
import type { BlocksAnswer, GetBlocks, RoundStepMessage } from '#network/messages.ts';
import { decodeAnswer, encodeAnswer } from '#network/request-codec.ts';
import { decodeBlock, encodeBlock } from '#types/block.ts';
import { ABSENT_COMMIT_SIG, type Commit, FLAG_ABSENT } from '#types/commit.ts';
import type { BehaviourKind } from '../behaviour.ts';
import { altered } from '../forge.ts';
import type { Rig } from '../rig.ts';

/** Of an answer that never comes, and of one that comes when the asker has nearly given up. Milliseconds. */
const NEVER_MS = 120_000;
const SLOW_MS = 9_000;
/** Share of reports that lie: between them a peer looks honest, so that it is asked again. */
const SHARE = 0.3;

type Block = BlocksAnswer['blocks'][number];
type Lie = readonly [
  name: string,
  tell: (rig: Rig, request: GetBlocks, blocks: readonly Block[]) => Promise<readonly Block[]>,
];

/** Claims heights that it has not, takes them back, and serves blocks and commits that are not the chain's. */
export const lyingSyncPeer: BehaviourKind = {
  attacks:
    'liveness of nodes that are behind: a target never reached, blocks that do not apply; safety: a forged block',
  defence:
    'a claim costs one request and then trust; every block is verified by all signatures of its commit before it is ' +
    'applied, its sender banned if it does not fit (sync-height-lies, sync-full-commit-check, sync-never-idles)',
  create: (rig) => ({
    outgoing: (_peer, message) => [
      message.kind === 'roundStep' && rig.chance(SHARE) ? lyingReport(rig, message) : message,
    ],
    answer: async (_peer, request, honest) => {
      if (request.kind === 'getStatus') {
        const status = { ...decodeAnswer<'getStatus'>(request, await honest(), rig.means.limits) };
        return encodeAnswer('getStatus', { ...status, headHeight: Number.MAX_SAFE_INTEGER });
      }
      if (request.kind !== 'getBlocks') return honest();
      const { blocks } = decodeAnswer<'getBlocks'>(request, await honest(), rig.means.limits);
      const [name, tell] = rig.pick(LIES);
      rig.note(`answered with ${name}`);
      return encodeAnswer('getBlocks', { blocks: await tell(rig, request, blocks) });
    },
  }),
};

function lyingReport(rig: Rig, message: RoundStepMessage): RoundStepMessage {
  const [name, heights] = rig.pick<readonly [string, Pick<RoundStepMessage, 'headHeight' | 'baseHeight'>]>([
    ['the last height there can be', { headHeight: Number.MAX_SAFE_INTEGER, baseHeight: 1 }],
    ['some heights more', { headHeight: message.headHeight + 1 + rig.below(300), baseHeight: message.baseHeight }],
    ['fewer heights', { headHeight: rig.below(message.headHeight + 1), baseHeight: 0 }],
    ['a base above the head', { headHeight: message.headHeight + 1, baseHeight: message.headHeight + 5 }],
    ['a base above all others', { headHeight: message.headHeight + 9, baseHeight: message.headHeight + 5 }],
  ]);
  rig.note(`reported ${name}`);
  return { ...message, ...heights };
}

const LIES: readonly Lie[] = [
  ['the truth', async (_rig, _request, blocks) => blocks],
  ['nothing', async () => []],
  ['silence', async (rig) => after(rig, NEVER_MS, [])],
  ['delay', async (rig, _request, blocks) => after(rig, SLOW_MS, blocks)],
  [
    'bytes that are no block',
    async (rig, _request, blocks) => blocks.map((block) => ({ ...block, block: rig.random.bytes(99) })),
  ],
  ['other heights', async (_rig, _request, blocks) => blocks.toReversed()],
  ['one block again and again', async (_rig, _request, blocks) => blocks.flatMap(() => blocks.slice(0, 1))],
  ['another block', async (_rig, _request, blocks) => blocks.map((block) => anotherBlock(block))],
  ['another block with a commit for it', async (_rig, _request, blocks) => blocks.map((block) => committed(block))],
  [
    'a commit with a bad signature',
    async (rig, _request, blocks) => withCommits(blocks, (commit) => badSignature(rig, commit)),
  ],
  ['a commit without a quorum', async (_rig, _request, blocks) => withCommits(blocks, withoutQuorum)],
  [
    'a commit of another round',
    async (_rig, _request, blocks) => withCommits(blocks, (commit) => ({ ...commit, round: commit.round + 1 })),
  ],
  ['a commit in other names', async (_rig, _request, blocks) => withCommits(blocks, otherNames)],
];

async function after(rig: Rig, delayMs: number, blocks: readonly Block[]): Promise<readonly Block[]> {
  await rig.after(delayMs);
  return blocks;
}

function withCommits(blocks: readonly Block[], change: (commit: Commit) => Commit): readonly Block[] {
  return blocks.map(({ block, commit }) => ({ block, commit: change(commit) }));
}

/** A block of the same height with a made-up app hash. */
function anotherBlock({ block, commit }: Block): Block {
  const decoded = decodeBlock(block);
  const appHash = Uint8Array.from(decoded.header.appHash, (byte) => byte ^ 1);
  return { block: encodeBlock(altered(decoded, { header: { appHash } })), commit };
}

/** The signatures of the true commit under the id of the false block. */
function committed(entry: Block): Block {
  const other = anotherBlock(entry);
  return { ...other, commit: { ...entry.commit, blockId: makeBody(decodeBlock(other.block)).blockId } };
}

function badSignature(rig: Rig, commit: Commit): Commit {
  const signed = commit.signatures.flatMap(({ flag }, index) => (flag === FLAG_ABSENT ? [] : [index]));
  const at = rig.pick(signed);
  const signatures = commit.signatures.map((sig, index) =>
    index === at ? { ...sig, signature: rig.random.bytes(64) } : sig,
  );
  return { ...commit, signatures };
}

function withoutQuorum(commit: Commit): Commit {
  const [first] = commit.signatures.filter(({ flag }) => flag !== FLAG_ABSENT);
  return { ...commit, signatures: commit.signatures.map((sig) => (sig === first ? sig : ABSENT_COMMIT_SIG)) };
}

/** Everybody's signature under the neighbour's address. */
function otherNames(commit: Commit): Commit {
  const signed = commit.signatures.filter(({ flag }) => flag !== FLAG_ABSENT);
  const signatures = commit.signatures.map((sig) => {
    if (sig.flag === FLAG_ABSENT) return sig;
    const next = signed[(signed.indexOf(sig) + 1) % signed.length] ?? sig;
    return { ...sig, validatorAddress: next.validatorAddress };
  });
  return { ...commit, signatures };
}
