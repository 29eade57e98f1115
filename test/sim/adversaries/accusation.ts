import { validatorAddress } from '#crypto/address.ts';
import { type Ed25519KeyPair, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import type { Node } from '#node/node.ts';
import type { BlockId } from '#types/block-id.ts';
import { type DuplicateVoteEvidence, makeDuplicateVoteEvidence } from '#types/evidence.ts';
import { PRECOMMIT, type UnsignedVote, type Vote, voteSignBytes } from '#types/vote.ts';

/** Evidence that a validator voted twice at the newest height of a node, made with the validator's key. */
export async function accusationOf(node: Node, key: Ed25519KeyPair): Promise<DuplicateVoteEvidence> {
  const { chainId, height, lastBlockTime } = node.chain.state;
  const validators = await node.blockStore.validators(height);
  const address = validatorAddress({ type: 'ed25519', bytes: key.publicKey });
  const vote = (seed: number): Vote => {
    const hash = sha256(Uint8Array.of(seed));
    const blockId: BlockId = { hash, partSetHeader: { total: 1, hash } };
    const unsigned: UnsignedVote = {
      type: PRECOMMIT,
      height,
      round: 0,
      blockId,
      timestamp: lastBlockTime,
      validatorAddress: address,
      validatorIndex: validators.indexOf(address),
    };
    return { ...unsigned, signature: signEd25519(key.privateKey, voteSignBytes(chainId, unsigned)) };
  };
  return makeDuplicateVoteEvidence(vote(1), vote(2), validators, lastBlockTime);
}
