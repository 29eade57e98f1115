import type { BehaviourKind } from './behaviour.ts';
import { amnesiac } from './behaviours/amnesiac.ts';
import { boaster } from './behaviours/boaster.ts';
import { dawdler } from './behaviours/dawdler.ts';
import { equivocatingProposer } from './behaviours/equivocating-proposer.ts';
import { equivocatingVoter } from './behaviours/equivocating-voter.ts';
import { falseEvidence } from './behaviours/false-evidence.ts';
import { falseReporter } from './behaviours/false-reporter.ts';
import { forgedVotes } from './behaviours/forged-votes.ts';
import { garbageFlooder } from './behaviours/garbage-flooder.ts';
import { invalidBlocks } from './behaviours/invalid-blocks.ts';
import { lyingSnapshotPeer } from './behaviours/lying-snapshot-peer.ts';
import { lyingSyncPeer } from './behaviours/lying-sync-peer.ts';
import { nilSpammer } from './behaviours/nil-spammer.ts';
import { proposalThief } from './behaviours/proposal-thief.ts';
import { selectiveVoter } from './behaviours/selective-voter.ts';
import { silent } from './behaviours/silent.ts';
import { staleFlooder } from './behaviours/stale-flooder.ts';
import { timeLiar } from './behaviours/time-liar.ts';
import { twin } from './behaviours/twin.ts';
import { txSpammer } from './behaviours/tx-spammer.ts';
import { withholder } from './behaviours/withholder.ts';

/** Every behaviour, by the name that seeds, command lines and reports use. */
export const BEHAVIOURS = {
  'equivocating-proposer': equivocatingProposer,
  'equivocating-voter': equivocatingVoter,
  amnesiac,
  silent,
  'nil-spammer': nilSpammer,
  withholder,
  boaster,
  'stale-flooder': staleFlooder,
  'garbage-flooder': garbageFlooder,
  'false-reporter': falseReporter,
  'forged-votes': forgedVotes,
  'lying-sync-peer': lyingSyncPeer,
  'lying-snapshot-peer': lyingSnapshotPeer,
  'invalid-blocks': invalidBlocks,
  'tx-spammer': txSpammer,
  'false-evidence': falseEvidence,
  'proposal-thief': proposalThief,
  'time-liar': timeLiar,
  dawdler,
  'selective-voter': selectiveVoter,
  twin,
} as const satisfies Record<string, BehaviourKind>;

export type BehaviourName = keyof typeof BEHAVIOURS;

export const BEHAVIOUR_NAMES = Object.keys(BEHAVIOURS) as BehaviourName[];

export function isBehaviourName(name: string): name is BehaviourName {
  return Object.hasOwn(BEHAVIOURS, name);
}
