import { encodeEvidenceGossip } from '#network/gossip-codec.ts';
import type { BlockId } from '#types/block-id.ts';
import { type CommitSig, FLAG_COMMIT } from '#types/commit.ts';
import type { DuplicateVoteEvidence, Evidence } from '#types/evidence.ts';
import { hashHeader } from '#types/header.ts';
import { PREVOTE } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import { accusation, junkEvidence } from '../junk-evidence.ts';
import type { Rig } from '../rig.ts';

/** Pieces in one message when it floods: within what a peer may send at once, and above. */
const FLOOD = [8, 200];
const POWER = 100n;

/** Accuses the innocent, accuses itself wrongly, and says true things too early, too late and too often. */
export const falseEvidence: BehaviourKind = {
  attacks: 'punishment of validators that did nothing; blocks that others refuse; the time that judging takes',
  defence:
    'evidence is verified with every signature, and powers, time and accused are recomputed from the own chain; forged costs ' +
    'its sender (lca-byzantine-key-swap, evidence-all-signatures, evidence-time-source, evidence-once-and-in-time)',
  create: (rig) => ({ tick: () => accuse(rig) }),
};

function accuse(rig: Rig): void {
  const [name, make] = rig.pick<readonly [string, () => readonly (Evidence | undefined)[]]>([
    ['an innocent', () => [junkEvidence(rig)]],
    ['itself with wrong powers', () => [ownFault(rig, rig.seen.height - 1)]],
    ['itself for a height to come', () => [ownFault(rig, rig.seen.height + 1 + rig.below(3))]],
    ['itself for a height that never comes', () => [ownFault(rig, Number.MAX_SAFE_INTEGER)]],
    ['an innocent, many times', () => repeated(rig, junkEvidence(rig))],
    ['itself for many heights to come', () => early(rig)],
    ['an attack on light clients', () => [lightAttack(rig)]],
  ]);
  const evidence = make().filter((piece) => piece !== undefined);
  if (evidence.length === 0) return;
  rig.note(`accused ${name}`);
  rig.publish('evidence', encodeEvidenceGossip(evidence));
}

/** Two votes that the machine really signs, with powers and a time that nobody has. */
function ownFault(rig: Rig, height: number): DuplicateVoteEvidence | undefined {
  const { index } = rig;
  if (index === undefined || height < 1) return undefined;
  const vote = (blockId: BlockId) =>
    rig.sign({
      type: PREVOTE,
      height,
      round: rig.below(2),
      blockId,
      timestamp: rig.means.clock.now(),
      validatorAddress: rig.pen.address,
      validatorIndex: index,
    });
  const first = vote(madeUp(rig));
  return accusation(first, rig.sign({ ...first, blockId: madeUp(rig) }));
}

function early(rig: Rig): readonly (Evidence | undefined)[] {
  return Array.from({ length: rig.pick(FLOOD) }, () => ownFault(rig, rig.seen.height + 1 + rig.below(4)));
}

function repeated(rig: Rig, evidence: Evidence | undefined): readonly (Evidence | undefined)[] {
  return Array.from({ length: rig.pick(FLOOD) }, () => evidence);
}

/** A header of its own making that it alone signed, blamed on somebody else. */
function lightAttack(rig: Rig): Evidence | undefined {
  const { header, height } = rig.seen;
  const innocent = [...rig.seen.addresses.values()][0];
  if (header === undefined || innocent === undefined || height < 3) return undefined;
  const made = { ...header, height: height - 1, appHash: rig.random.bytes(32) };
  const blockId = { hash: hashHeader(made), partSetHeader: { total: 1, hash: rig.random.bytes(32) } };
  const me = {
    address: rig.pen.address,
    pubKey: { type: 'ed25519', bytes: rig.means.key.publicKey },
    votingPower: POWER,
    proposerPriority: 0n,
  } as const;
  const signature = rig.random.bytes(64);
  const sig: CommitSig = { flag: FLAG_COMMIT, validatorAddress: me.address, timestamp: made.time, signature };
  return {
    kind: 'light-client-attack',
    conflictingBlock: {
      header: made,
      commit: { height: made.height, round: 0, blockId, signatures: [sig] },
      validators: [me],
      proposer: me,
    },
    commonHeight: height - 2,
    byzantineValidators: [rig.chance(0.5) ? me : { ...me, address: innocent }],
    totalVotingPower: 4n * POWER,
    timestamp: made.time,
  };
}

function madeUp(rig: Rig): BlockId {
  return { hash: rig.random.bytes(32), partSetHeader: { total: 1, hash: rig.random.bytes(32) } };
}
