import { signEd25519 } from '#crypto/ed25519.ts';
import type { BlockId } from '#types/block-id.ts';
import { type Commit, type CommitSig, commitSignBytes, FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL } from '#types/commit.ts';
import { ZERO_TIME } from '#types/time.ts';
import type { Validator } from '#types/validator-set.ts';
import { PREVOTE, voteSignBytes } from '#types/vote.ts';
import { CHAIN_ID, type Keyed, keyOf, makeBlockId } from './fixtures.ts';

/** What was altered, and the commit with it. */
export type Altered = readonly [what: string, commit: Commit];

const OTHER_BLOCK = makeBlockId(99);
const STRANGER = new Uint8Array(20).fill(7);

/** One signed entry as a forger may put it: with a signature that the key did make, for something else. */
function signedElsewhere(keyed: Keyed, commit: Commit, index: number): readonly (readonly [string, Uint8Array])[] {
  const key = keyOf(keyed, keyed.validators.get(index) as Validator);
  const sig = commit.signatures[index] as CommitSig;
  const sign = (other: Commit, chainId = CHAIN_ID): Uint8Array =>
    signEd25519(key, commitSignBytes(chainId, other, index));
  const { height, round, blockId } = commit;
  const prevote = {
    type: PREVOTE,
    height,
    round,
    blockId,
    timestamp: sig.timestamp,
    validatorAddress: sig.validatorAddress,
    validatorIndex: index,
  } as const;
  return [
    ['for another block', sign({ ...commit, blockId: OTHER_BLOCK, signatures: asCommits(commit) })],
    ['of another round', sign({ ...commit, round: round + 1 })],
    ['of another height', sign({ ...commit, height: height + 1 })],
    ['for another chain', sign(commit, 'other-1')],
    ['of a prevote', signEd25519(key, voteSignBytes(CHAIN_ID, prevote))],
  ];
}

function asCommits(commit: Commit): CommitSig[] {
  return commit.signatures.map((sig) => (sig.flag === FLAG_ABSENT ? sig : { ...sig, flag: FLAG_COMMIT }));
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

/** Every field of one entry that is there, altered in every way that one may try. */
function alteredEntry(keyed: Keyed, commit: Commit, index: number): (readonly [string, CommitSig])[] {
  const sig = commit.signatures[index] as CommitSig;
  const neighbour = commit.signatures.find((other, at) => at !== index && other.flag !== FLAG_ABSENT) as CommitSig;
  const { validatorAddress, timestamp, signature } = sig;
  const list: (readonly [string, CommitSig])[] = [
    ['address of a neighbour', { ...sig, validatorAddress: neighbour.validatorAddress }],
    ['address of a stranger', { ...sig, validatorAddress: STRANGER }],
    ['address left out', { ...sig, validatorAddress: new Uint8Array(0) }],
    ['address cut', { ...sig, validatorAddress: validatorAddress.slice(0, 19) }],
    ['address with one bit turned', { ...sig, validatorAddress: flipped(validatorAddress, 19) }],
    ['time one nanosecond later', { ...sig, timestamp: timestamp + 1n }],
    ['time one nanosecond earlier', { ...sig, timestamp: timestamp - 1n }],
    ['time zero', { ...sig, timestamp: ZERO_TIME }],
    ['time of a neighbour', { ...sig, timestamp: neighbour.timestamp }],
    ['signature of a neighbour', { ...sig, signature: neighbour.signature }],
    ['signature of zeros', { ...sig, signature: new Uint8Array(64) }],
    ['signature left out', { ...sig, signature: new Uint8Array(0) }],
    ['signature cut', { ...sig, signature: signature.slice(0, 63) }],
    ['signature with its first bit turned', { ...sig, signature: flipped(signature, 0) }],
    ['signature with its last bit turned', { ...sig, signature: flipped(signature, 63) }],
    ['flag: block for nil or nil for block', { ...sig, flag: sig.flag === FLAG_COMMIT ? FLAG_NIL : FLAG_COMMIT }],
    ['flag: absent, with content', { ...sig, flag: FLAG_ABSENT }],
    [
      'flag: absent, with an address',
      { flag: FLAG_ABSENT, validatorAddress, timestamp: ZERO_TIME, signature: new Uint8Array(0) },
    ],
    [
      'flag: absent, with a time',
      { flag: FLAG_ABSENT, validatorAddress: new Uint8Array(0), timestamp, signature: new Uint8Array(0) },
    ],
    ['the entry of a neighbour', neighbour],
  ];
  for (const [what, foreign] of signedElsewhere(keyed, commit, index)) {
    list.push([`signature ${what}`, { ...sig, signature: foreign }]);
    list.push([`signature ${what}, flagged nil`, { ...sig, flag: FLAG_NIL, signature: foreign }]);
  }
  return list;
}

/** Entries in other places, too many or too few. */
function alteredList(commit: Commit): Altered[] {
  const { signatures } = commit;
  const swapped = signatures.with(0, signatures[1] as CommitSig).with(1, signatures[0] as CommitSig);
  const list = (what: string, entries: readonly CommitSig[]): Altered => [what, { ...commit, signatures: entries }];
  return [
    list('entries swapped', swapped),
    list('entries reversed', signatures.toReversed()),
    list('an entry twice', [...signatures, signatures[0] as CommitSig]),
    list('the first entry left out', signatures.slice(1)),
    list('the last entry left out', signatures.slice(0, -1)),
    list('no entries', []),
  ];
}

/** Fields of the commit itself. */
function alteredPlace(commit: Commit): Altered[] {
  const { height, round, blockId } = commit;
  const ids: readonly (readonly [string, BlockId])[] = [
    ['another block', OTHER_BLOCK],
    ['another header hash', { ...blockId, hash: flipped(blockId.hash, 0) }],
    ['another part set', { ...blockId, partSetHeader: { ...blockId.partSetHeader, hash: flipped(blockId.hash, 1) } }],
    ['another number of parts', { ...blockId, partSetHeader: { ...blockId.partSetHeader, total: 77 } }],
  ];
  return [
    ['a later height', { ...commit, height: height + 1 }],
    ['an earlier height', { ...commit, height: height - 1 }],
    ['another round', { ...commit, round: round + 1 }],
    ...ids.map(([what, id]): Altered => [what, { ...commit, blockId: id }]),
  ];
}

/**
 * Everything that can be altered in a valid commit: each must be refused, or a proposer could choose what later code
 * reads of it. `commit` is signed by `keyed` for CHAIN_ID.
 */
export function alteredCommits(keyed: Keyed, commit: Commit): readonly Altered[] {
  const entries = commit.signatures.flatMap((sig, index) =>
    sig.flag === FLAG_ABSENT
      ? []
      : alteredEntry(keyed, commit, index).map(
          ([what, entry]): Altered => [
            `entry ${index}: ${what}`,
            { ...commit, signatures: commit.signatures.with(index, entry) },
          ],
        ),
  );
  return [...entries, ...alteredList(commit), ...alteredPlace(commit)];
}
