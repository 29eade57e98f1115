import assert from 'node:assert/strict';
import { sha256 } from '#crypto/hash.ts';
import { ByteWriter } from '#network/codec.ts';
import { decodeCompactBlock, encodeCompactBlock } from '#network/compact-block-codec.ts';
import { maxMessageBytes } from '#network/limits.ts';
import { decodeMessage, encodeMessage } from '#network/message-codec.ts';
import { EMPTY_COMMIT } from '#types/commit.ts';
import { BizraError } from '#util/errors.ts';
import { bytesOf, commit, evidence, header, proposal } from './support/samples.ts';

const LIMITS = { maxBlockBytes: 200_000, maxTxBytes: 10_000 };
const TX = bytesOf(100, 3);

function compactBlock(txHashes = [bytesOf(32, 1), sha256(TX), bytesOf(32, 2)]) {
  return { header: header(), lastCommit: commit(), evidence: [evidence()], txHashes, txs: [{ index: 1, bytes: TX }] };
}

const EMPTY = { header: header(), lastCommit: EMPTY_COMMIT, evidence: [], txHashes: [], txs: [] };

describe('compact blocks as bytes', () => {
  for (const [name, block] of Object.entries({ full: compactBlock(), empty: EMPTY })) {
    const bytes = encodeCompactBlock(block);

    it(`${name}: comes back as it was`, () => {
      const back = decodeCompactBlock(bytes, LIMITS);
      assert.deepEqual(back, block);
      assert.deepEqual(encodeCompactBlock(back), bytes);
    });

    it(`${name}: every cut and every appended byte is refused`, () => {
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeCompactBlock(bytes.subarray(0, length), LIMITS), BizraError);
      }
      assert.throws(() => decodeCompactBlock(Uint8Array.of(...bytes, 0), LIMITS), BizraError);
    });

    it(`${name}: no flipped byte makes anything but a BizraError or a block`, () => {
      for (let index = 0; index < bytes.length; index++) {
        for (const mask of [1, 0x80, 0xff]) {
          const flipped = bytes.slice();
          flipped[index] = (flipped[index] as number) ^ mask;
          decodesOrRefuses(flipped);
        }
      }
    });
  }

  it('transactions in full must have ascending indexes inside the list', () => {
    const txs = (...indexes: number[]) => indexes.map((index) => ({ index, bytes: TX }));
    for (const list of [txs(1, 1), txs(2, 1), txs(3)]) {
      const block = { ...compactBlock([bytesOf(32, 1), bytesOf(32, 2), bytesOf(32, 3)]), txs: list };
      assert.throws(() => decodeCompactBlock(encodeCompactBlock(block), LIMITS), { code: 'malformed' });
    }
  });

  it('the hash of a transaction that travels in full is computed, never believed', () => {
    const bytes = encodeCompactBlock(compactBlock([bytesOf(32, 1), bytesOf(32, 99), bytesOf(32, 2)]));
    assert.deepEqual(decodeCompactBlock(bytes, LIMITS).txHashes[1], sha256(TX));
  });

  it('stream-limit-per-protocol: a block of the largest size, all in full, fits into a message', () => {
    const count = Math.floor(LIMITS.maxBlockBytes / 64);
    const txs = Array.from({ length: count }, (_, index) => ({ index, bytes: bytesOf(64, index & 255) }));
    const block = { ...compactBlock(), txHashes: txs.map(({ bytes }) => sha256(bytes)), txs };
    const bytes = encodeMessage({ kind: 'proposal', proposal: proposal(), block: encodeCompactBlock(block) });
    assert.ok(bytes.length <= maxMessageBytes(LIMITS.maxBlockBytes));
    const message = decodeMessage(bytes, LIMITS);
    assert.ok(message.kind === 'proposal' && message.block !== undefined);
    assert.deepEqual(decodeCompactBlock(message.block, LIMITS), block);
  });

  it('a count of hashes that are not there takes no memory', () => {
    const whole = encodeCompactBlock({ ...compactBlock([]), txs: [] });
    const writer = new ByteWriter();
    writer.fixed(whole.subarray(0, whole.length - 8));
    writer.u32(3_000);
    writer.u32(0);
    assert.throws(() => decodeCompactBlock(writer.finish(), LIMITS), { code: 'malformed', message: /cut short/ });
  });
});

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    decodeCompactBlock(bytes, LIMITS);
  } catch (error) {
    assert.ok(error instanceof BizraError, String(error));
  }
}
