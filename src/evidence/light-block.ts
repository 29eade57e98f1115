import { merkleRoot } from '#crypto/merkle.ts';
import { isNilBlockId } from '#types/block-id.ts';
import { hashHeader } from '#types/header.ts';
import type { ConflictingBlock } from '#types/light-block.ts';
import { BLOCK_PROTOCOL, MAX_TOTAL_VOTING_POWER } from '#types/limits.ts';
import { writeSimpleValidator } from '#types/validator.ts';
import { encodeEach } from '#types/wire-writer.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { genuine } from './errors.ts';

/**
 * What a light client looks at before any signature (CometBFT's `LightBlock.ValidateBasic`). The validators stay in the
 * attacker's order: a light client takes any order whose hash is in the header. The header's chain id is not compared
 * with ours: the signatures bind it. Throws `evidence_forged`.
 */
export function checkLightBlock(block: ConflictingBlock): void {
  const { header, commit, validators, proposer } = block;
  genuine(
    header.version.block === BLOCK_PROTOCOL && header.height > 0 && header.proposerAddress.length > 0,
    () => 'the conflicting header has no block protocol, height or proposer that a light client would take',
  );
  genuine(commit.height === header.height, () => `commit of height ${commit.height} under header ${header.height}`);
  genuine(
    !isNilBlockId(commit.blockId) && equalBytes(commit.blockId.hash, hashHeader(header)),
    () => 'the commit of the conflicting block is for another header',
  );
  genuine(
    validators.length > 0 && commit.signatures.length === validators.length,
    () => `${commit.signatures.length} commit signatures for ${validators.length} validators`,
  );
  let power = 0n;
  for (const { votingPower } of validators) power += votingPower;
  genuine(power <= MAX_TOTAL_VOTING_POWER, () => `the conflicting validators have ${power} voting power`);
  genuine(
    validators.some(({ address }) => equalBytes(address, proposer.address)),
    () => `proposer ${toHex(proposer.address)} is not among the conflicting validators`,
  );
  genuine(
    equalBytes(header.validatorsHash, merkleRoot(encodeEach(validators, writeSimpleValidator))),
    () => 'the conflicting validators are not those of their header',
  );
}
