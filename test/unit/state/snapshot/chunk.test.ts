import assert from 'node:assert/strict';
import { encodeChunk, type Leaf, openChunk } from '#state/snapshot/chunk.ts';
import { CHUNK_BYTES_MAX, CHUNK_WEIGHT_MAX, LEAF_WEIGHT } from '#state/snapshot/limits.ts';
import { type Manifest, manifestChunks } from '#state/snapshot/manifest.ts';
import { SENTINEL_KEY, SENTINEL_VALUE } from '#state/version.ts';
import { ByteWriter } from '#storage/byte-codec.ts';
import { concatBytes, fromLatin1 } from '#util/bytes.ts';
import { ModelledState } from '../support.ts';
import { entries, snapshotOf } from './support.ts';

const REFUSED = { code: 'bad_snapshot' };

async function oneChunk(): Promise<{ encoded: Uint8Array; hash: Uint8Array }> {
  const { state } = await ModelledState.start(entries('bank', 20));
  const { manifest, chunks } = await snapshotOf(state);
  const { index, hash } = manifestChunks(manifest).find(({ store }) => store === 'bank') as {
    index: number;
    hash: Uint8Array;
  };
  return { encoded: chunks[index] as Uint8Array, hash };
}

const hashesOf = (manifest: Manifest): Uint8Array[] => manifestChunks(manifest).map(({ hash }) => hash);

describe('chunk of a snapshot', () => {
  it('opens under its own hash and no other', async () => {
    const { state } = await ModelledState.start([...entries('bank', 120, 60_000), ...entries('acc', 4)]);
    const { manifest, chunks } = await snapshotOf(state);
    const hashes = hashesOf(manifest);
    for (const [i, chunk] of chunks.entries()) {
      for (const [j, hash] of hashes.entries()) {
        if (i === j) assert.ok((await openChunk(chunk, hash)).length > 0);
        // Empty stores are all alike: a sentinel.
        else if (hash.join() !== (hashes[i] as Uint8Array).join())
          await assert.rejects(openChunk(chunk, hash), REFUSED);
      }
    }
  });

  it('is refused with any byte changed, any missing and any added', async () => {
    const { encoded, hash } = await oneChunk();
    await openChunk(encoded, hash);
    for (let at = 0; at < encoded.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = encoded.slice();
        bytes[at] = (bytes[at] as number) ^ flip;
        await assert.rejects(openChunk(bytes, hash), REFUSED, `byte ${at} with ${flip} flipped`);
      }
      await assert.rejects(openChunk(encoded.subarray(0, at), hash), REFUSED);
    }
    await assert.rejects(openChunk(concatBytes(encoded, Uint8Array.of(0)), hash), REFUSED);
  });

  it('is refused with leaves swapped, left out or doubled', async () => {
    const { encoded, hash } = await oneChunk();
    const leaves = await openChunk(encoded, hash);
    const [a, b, ...rest] = leaves as [Leaf, Leaf, ...Leaf[]];
    for (const others of [[b, a, ...rest], [b, ...rest], [a, a, b, ...rest], []])
      await assert.rejects(openChunk(await encodeChunk(others), hash), REFUSED);
    assert.deepEqual(await encodeChunk(leaves), encoded);
  });

  it('holds the sentinel of its store', async () => {
    const { encoded, hash } = await oneChunk();
    const leaves = await openChunk(encoded, hash);
    assert.equal(leaves.length, 21);
    const sentinel = leaves.find(({ key }) => key.length === 1 && key[0] === SENTINEL_KEY[0]);
    assert.deepEqual(sentinel?.value, SENTINEL_VALUE);
  });

  it('takes no memory for what it only announces', async () => {
    const announce = (...numbers: number[]): Uint8Array => {
      const writer = new ByteWriter();
      for (const number of numbers) writer.varint(number);
      return writer.finish();
    };
    const hash = new Uint8Array(32);
    for (const bad of [
      announce(1, CHUNK_WEIGHT_MAX / LEAF_WEIGHT + 1),
      announce(1, 2 ** 32),
      announce(1, 1, 1_025),
      concatBytes(announce(1, 1, 1), Uint8Array.of(5), announce(9 * 1_024 * 1_024)),
      announce(2, 1),
      new Uint8Array(CHUNK_BYTES_MAX + 1),
      new Uint8Array(0),
    ])
      await assert.rejects(openChunk(bad, hash), REFUSED);
  });

  it('is refused with a longer key than keys are', async () => {
    const encoded = await encodeChunk([{ key: new Uint8Array(1_025), value: Uint8Array.of(1) }]);
    await assert.rejects(openChunk(encoded, new Uint8Array(32)), /larger than 1024/);
  });

  it('is refused when it is heavier than chunks are, though its leaves are right', async () => {
    const { state } = await ModelledState.start(entries('bank', 60, 60_000));
    const { manifest, chunks } = await snapshotOf(state);
    const all: Leaf[] = [];
    for (const [i, chunk] of chunks.entries()) {
      const place = manifestChunks(manifest)[i];
      if (place?.store === 'bank') all.push(...(await openChunk(chunk, place.hash)));
    }
    const root = state.appHash;
    await assert.rejects(openChunk(await encodeChunk(all), root), /heavier/);
  });

  it('lets others have their turn while it is checked', async () => {
    const { state } = await ModelledState.start(entries('bank', 5_000));
    const { manifest, chunks } = await snapshotOf(state);
    let pauses = 0;
    const pause = async (): Promise<void> => void pauses++;
    await openChunk(chunks[1] as Uint8Array, hashesOf(manifest)[1] as Uint8Array, pause);
    assert.ok(pauses >= 10);
  });

  it('snapshot-bytes-stable: what is hashed and compared is the same on every machine', async () => {
    const chunk = await encodeChunk([
      { key: fromLatin1('a'), value: Uint8Array.of(1) },
      { key: fromLatin1('bc'), value: new Uint8Array(130) },
    ]);
    const expected = concatBytes(Uint8Array.of(1, 2, 1, 0x61, 1, 1, 2, 0x62, 0x63, 0x82, 0x01), new Uint8Array(130));
    assert.deepEqual(chunk, expected);
  });
});
