import { isNilBlockId } from '#types/block-id.ts';
import { type Header, hashHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { BLOCK_PROTOCOL } from '#types/limits.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { check } from './errors.ts';

const HASH_BYTES = 32;
const ADDRESS_BYTES = 20;

/**
 * Whether the parts fit together: the commit is for this header, and the validators are those whose hash it names
 * (CometBFT's `LightBlock.ValidateBasic`). No signature is looked at. Throws `bad_light_block`.
 */
export function checkLightBlock(chainId: string, block: LightBlock): void {
  const { header, commit, validators } = block;
  checkHeader(chainId, header);
  check(
    commit.height === header.height,
    'bad_light_block',
    () => `the commit is of height ${commit.height}, its header of ${header.height}`,
  );
  check(
    !isNilBlockId(commit.blockId) && equalBytes(commit.blockId.hash, hashHeader(header)),
    'bad_light_block',
    () => `the commit of height ${header.height} is for another header`,
  );
  check(
    equalBytes(validators.hash(), header.validatorsHash),
    'bad_light_block',
    () => `the validators of height ${header.height} are not those of its header`,
  );
}

/** What a light client asks of a header by itself: CometBFT's `Header.ValidateBasic`, and the chain. */
export function checkHeader(chainId: string, header: Header): void {
  const { version, height } = header;
  const of = (what: string): (() => string) => {
    return () => `header ${height} has ${what}`;
  };
  check(version.block === BLOCK_PROTOCOL, 'bad_light_block', of(`the block protocol ${version.block}`));
  check(
    header.chainId === chainId,
    'bad_light_block',
    of(`the chain id ${JSON.stringify(header.chainId.slice(0, 64))}; expected ${chainId}`),
  );
  check(Number.isSafeInteger(height) && height > 0, 'bad_light_block', of('no height'));
  check(header.proposerAddress.length === ADDRESS_BYTES, 'bad_light_block', of('no proposer address of 20 bytes'));
  // The first header of CometBFT chains may leave some of them out.
  const hashes = [
    header.lastBlockId.hash,
    header.lastCommitHash,
    header.dataHash,
    header.validatorsHash,
    header.nextValidatorsHash,
    header.consensusHash,
    header.lastResultsHash,
    header.evidenceHash,
  ];
  const isHash = ({ length }: Uint8Array): boolean => length === 0 || length === HASH_BYTES;
  check(hashes.every(isHash), 'bad_light_block', of('a hash that is not 32 bytes'));
  check(header.validatorsHash.length > 0, 'bad_light_block', of('no validators hash'));
}

export function sameHeader(a: LightBlock, b: LightBlock): boolean {
  return equalBytes(hashHeader(a.header), hashHeader(b.header));
}

/** For messages. */
export function describeHeader({ header }: Pick<LightBlock, 'header'>): string {
  return `${header.height} (${toHex(hashHeader(header)).toUpperCase()})`;
}
