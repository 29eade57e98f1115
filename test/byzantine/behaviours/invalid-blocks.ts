import { type Body, makeBody } from '#engine/body.ts';
import { compactBlock } from '#engine/compact-block.ts';
import { encodeCompactBlock } from '#network/compact-block-codec.ts';
import type { Block } from '#types/block.ts';
import { ABSENT_COMMIT_SIG, type CommitSig, FLAG_COMMIT } from '#types/commit.ts';
import type { Header } from '#types/header.ts';
import type { Vote } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import { altered, Forger } from '../forge.ts';
import { junkEvidence } from '../junk-evidence.ts';
import type { Rig } from '../rig.ts';
import { isFresh } from './equivocating-proposer.ts';

type Defect = readonly [name: string, make: (rig: Rig, block: Block) => Body | undefined];

/** Proposes blocks with one defect each and votes for them. */
export const invalidBlocks: BehaviourKind = {
  attacks:
    'validity: a block that does not follow from the chain; the node: input to validation that no honest peer makes',
  defence:
    'valid(v) before every prevote, on the block and the state of H-1 alone (commit-foreign-signatures, ' +
    'commit-sig-address-bound, median-time-rule, proposal-gas, height-arithmetic)',
  create: (rig) => {
    const names = new Map<string, string>();
    let turn = rig.below(DEFECTS.length);
    const forger = new Forger(rig, (block) => {
      for (let tried = 0; tried < DEFECTS.length; tried++) {
        const [name, make] = DEFECTS[turn++ % DEFECTS.length] as Defect;
        const body = make(rig, block);
        if (body === undefined) continue;
        names.set(`${block.header.height}`, name);
        return body;
      }
      return undefined;
    });
    return {
      outgoing: (peer, message) => {
        if (message.kind === 'votes') return [{ ...message, votes: message.votes.map((vote) => asForged(rig, vote)) }];
        if (!isFresh(rig, message)) return [message];
        const { height, round, blockId } = message.proposal;
        void forger.instead(message.proposal).then((forged) => {
          if (forged === undefined) return;
          rig.plot.proposed(height, round, [blockId, forged.proposal.blockId]);
          rig.plot.invalid(forged.proposal.blockId);
          rig.note(`proposed a block with ${names.get(`${height}`)}`);
          // By id alone it comes to nodes that cannot compare it with the proposal first.
          const block = rig.chance(0.5) ? encodeCompactBlock(compactBlock(forged.body, () => true)) : undefined;
          rig.send(peer, { kind: 'proposal', proposal: forged.proposal, block });
        });
        return [];
      },
      answer: (_peer, request, honest) => {
        const forged = forger.answer(request);
        return forged === undefined ? honest() : Promise.resolve(forged);
      },
    };
  },
};

/** Its vote for the block that it built goes to the one that it sent. */
function asForged(rig: Rig, vote: Vote): Vote {
  const other = rig.isMine(vote) ? rig.plot.other(vote.height, vote.round, vote.blockId) : undefined;
  return other === undefined ? vote : rig.sign({ ...vote, blockId: other });
}

const withHeader = (name: string, change: (rig: Rig, header: Header) => Partial<Header>): Defect => [
  name,
  (rig, block) => makeBody(altered(block, { header: change(rig, block.header) })),
];

/** With one signature changed; needs a last commit. */
const withSignature = (name: string, change: (rig: Rig, sig: CommitSig, block: Block) => CommitSig): Defect => [
  name,
  (rig, block) => {
    const at = block.lastCommit.signatures.findIndex(({ flag }) => flag === FLAG_COMMIT);
    if (at < 0) return undefined;
    const signatures = block.lastCommit.signatures.map((sig, index) => (index === at ? change(rig, sig, block) : sig));
    return makeBody(altered(block, { lastCommit: { ...block.lastCommit, signatures } }));
  },
];

const withTxs = (name: string, change: (rig: Rig, block: Block) => Uint8Array[]): Defect => [
  name,
  (rig, block) => makeBody(altered(block, { txs: change(rig, block) })),
];

/** Above the default limit of a block. Bytes. */
const TOO_MANY_BYTES = 5 * 1024 * 1024;
const SECOND = 1_000_000_000n;

/** Signatures checked by all; what only the id betrays is refused before validation, at its sender's cost. */
const DEFECTS: readonly Defect[] = [
  withHeader('a wrong app hash', (rig) => ({ appHash: rig.random.bytes(32) })),
  withHeader('a wrong validators hash', (rig) => ({ validatorsHash: rig.random.bytes(32) })),
  withHeader('a wrong next validators hash', (rig) => ({ nextValidatorsHash: rig.random.bytes(32) })),
  withHeader('a wrong consensus hash', (rig) => ({ consensusHash: rig.random.bytes(32) })),
  withHeader('a wrong results hash', (rig) => ({ lastResultsHash: rig.random.bytes(32) })),
  withHeader('a time before the last block', (_rig, { time }) => ({ time: time - 3_600n * SECOND })),
  withHeader('a time that is not the median', (_rig, { time }) => ({ time: time + 1n })),
  withHeader('a time far ahead', (_rig, { time }) => ({ time: time + 3_600n * SECOND })),
  withHeader('a proposer who is no validator', (rig) => ({ proposerAddress: rig.random.bytes(20) })),
  withHeader('another chain id', () => ({ chainId: 'another-1' })),
  withHeader('another height', (_rig, { height }) => ({ height: height + 1 })),
  withHeader('another version', (_rig, { version }) => ({ version: { ...version, app: version.app + 1n } })),
  withHeader('another last block', (rig, { lastBlockId }) => ({
    lastBlockId: { ...lastBlockId, hash: rig.random.bytes(32) },
  })),
  withHeader('a wrong data hash', (rig) => ({ dataHash: rig.random.bytes(32) })),
  withSignature('a bad signature in its last commit', (rig, sig) => ({ ...sig, signature: rig.random.bytes(64) })),
  withSignature('a last commit in another name', (rig, sig) => ({ ...sig, validatorAddress: rig.random.bytes(20) })),
  withSignature('a last commit with a changed time', (_rig, sig) => ({ ...sig, timestamp: sig.timestamp + SECOND })),
  [
    'a last commit without a quorum',
    (_rig, block) => {
      const { signatures } = block.lastCommit;
      const first = signatures.find(({ flag }) => flag === FLAG_COMMIT);
      if (first === undefined) return undefined;
      const alone = signatures.map((sig) => (sig === first ? sig : ABSENT_COMMIT_SIG));
      return makeBody(altered(block, { lastCommit: { ...block.lastCommit, signatures: alone } }));
    },
  ],
  withTxs('bytes that are no transaction', (rig, block) => [...block.txs, rig.random.bytes(100)]),
  withTxs('a transaction of no bytes', (_rig, block) => [...block.txs, new Uint8Array(0)]),
  withTxs('too many bytes', (rig, block) => [...block.txs, new Uint8Array(TOO_MANY_BYTES).fill(rig.below(256))]),
  [
    'evidence that proves nothing',
    (rig, block) => {
      const evidence = junkEvidence(rig);
      return evidence === undefined ? undefined : makeBody(altered(block, { evidence: [evidence] }));
    },
  ],
  [
    'a part set that is not its own',
    (rig, block) => {
      const body = makeBody(block);
      const { hash, partSetHeader } = body.blockId;
      return { ...body, blockId: { hash, partSetHeader: { ...partSetHeader, hash: rig.random.bytes(32) } } };
    },
  ],
];
