import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.ts';
import { CHUNKS_MAX, MANIFEST_BYTES_MAX } from '#state/snapshot/limits.ts';
import {
  checkManifest,
  decodeManifest,
  encodeManifest,
  type Manifest,
  manifestAppHash,
  manifestChunks,
  type TopNode,
} from '#state/snapshot/manifest.ts';
import { ByteWriter } from '#storage/byte-codec.ts';
import { concatBytes, fromLatin1 } from '#util/bytes.ts';
import { ModelledState } from '../support.ts';
import { entries, snapshotOf } from './support.ts';

const REFUSED = { code: 'bad_snapshot' };
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

const { tree } = fc.letrec<{ tree: TopNode[] }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    hash.map((one): TopNode[] => [one]),
    fc.tuple(tie('tree'), tie('tree')).map(([a, b]): TopNode[] => [undefined, ...a, ...b]),
  ),
}));

const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,10}$/), { minLength: 1, maxLength: 5 });
const manifests = fc.tuple(fc.maxSafeNat(), names, fc.infiniteStream(tree)).map(
  ([height, given, tops]): Manifest => ({
    height,
    stores: given.sort().map((name) => ({ name, top: tops.next().value })),
  }),
);

/** A chain of `inner` inner nodes to the left, each with a chunk at its right. */
function chainOf(inner: number): Uint8Array {
  const chunk = concatBytes(Uint8Array.of(1), new Uint8Array(32));
  return concatBytes(new Uint8Array(inner), ...Array.from({ length: inner + 1 }, () => chunk));
}

function withTop(top: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  for (const number of [1, 7, 1]) writer.varint(number);
  writer.bytes(fromLatin1('bank'));
  writer.raw(top);
  return writer.finish();
}

describe('manifest of a snapshot', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        assert.deepEqual(decodeManifest(encodeManifest(manifest)), manifest);
      }),
    );
  });

  it('has one form: whatever is read is written the same', () => {
    const mutated = fc.tuple(manifests, fc.nat(), fc.nat({ max: 255 })).map(([manifest, at, byte]) => {
      const encoded = encodeManifest(manifest);
      encoded[at % encoded.length] = byte;
      return encoded;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        const manifest = readable(bytes);
        if (manifest !== undefined) assert.deepEqual(encodeManifest(manifest), bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is refused with any byte changed, any missing and any added', async () => {
    const { state } = await ModelledState.start([...entries('bank', 90, 60_000), ...entries('acc', 3)]);
    const { manifest, encoded } = await snapshotOf(state);
    assert.ok(manifestChunks(manifest).length >= 5);
    const accepted = (bytes: Uint8Array): boolean => {
      const read = readable(bytes);
      if (read === undefined) return false;
      try {
        checkManifest(read, state.height, state.appHash);
        return true;
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'bad_snapshot');
        return false;
      }
    };
    assert.ok(accepted(encoded));
    for (let at = 0; at < encoded.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = encoded.slice();
        bytes[at] = (bytes[at] as number) ^ flip;
        assert.ok(!accepted(bytes), `byte ${at} with ${flip} flipped`);
      }
      assert.ok(!accepted(encoded.subarray(0, at)));
    }
    assert.ok(!accepted(concatBytes(encoded, Uint8Array.of(0))));
  });

  it('names its chunks in order, and leads to the app hash', async () => {
    const { state } = await ModelledState.start([...entries('bank', 90, 60_000), ...entries('acc', 3)]);
    const { manifest } = await snapshotOf(state);
    const chunks = manifestChunks(manifest);
    assert.deepEqual(
      chunks.map(({ index }) => index),
      chunks.map((_, i) => i),
    );
    assert.deepEqual([...new Set(chunks.map(({ store }) => store))], ['acc', 'bank', 'staking']);
    assert.deepEqual(manifestAppHash(manifest), state.appHash);
    assert.throws(() => checkManifest(manifest, 1, state.appHash), REFUSED);
    assert.throws(() => checkManifest(manifest, 0, sha256(state.appHash)), REFUSED);
  });

  it('statesync-state-complete: more than 100,000 chunks are refused before memory is taken for them', () => {
    const balanced = (chunks: number): Uint8Array => {
      const top = new Uint8Array(34 * chunks - 1);
      let at = 0;
      const walk = (count: number): void => {
        if (count > 1) {
          at++;
          walk(Math.floor(count / 2));
          walk(Math.ceil(count / 2));
          return;
        }
        top[at] = 1;
        at += 33;
      };
      walk(chunks);
      return withTop(top);
    };
    const most = decodeManifest(balanced(CHUNKS_MAX));
    assert.equal(manifestChunks(most).length, CHUNKS_MAX);
    assert.throws(() => decodeManifest(balanced(CHUNKS_MAX + 1)), REFUSED);
    assert.throws(() => decodeManifest(new Uint8Array(MANIFEST_BYTES_MAX + 1)), REFUSED);
  });

  it('refuses a tree that is deeper than 256, or without an end', () => {
    assert.equal(decodeManifest(withTop(chainOf(256))).stores[0]?.top.length, 513);
    assert.throws(() => decodeManifest(withTop(chainOf(257))), REFUSED);
    assert.throws(() => decodeManifest(withTop(new Uint8Array(300))), REFUSED);
  });

  it('refuses unknown formats, empty lists, unsorted and unprintable names', () => {
    const chunk = concatBytes(Uint8Array.of(1), new Uint8Array(32));
    const named = (...names: string[]): Uint8Array =>
      concatBytes(
        Uint8Array.of(1, 7, names.length),
        ...names.map((name) => concatBytes(Uint8Array.of(name.length), fromLatin1(name), chunk)),
      );
    assert.equal(decodeManifest(named('acc', 'bank')).stores.length, 2);
    for (const bad of [
      named(),
      named('bank', 'acc'),
      named('acc', 'acc'),
      named(''),
      named('a b'),
      named('x'.repeat(65)),
    ])
      assert.throws(() => decodeManifest(bad), REFUSED);
    const other = named('acc');
    other[0] = 2;
    assert.throws(() => decodeManifest(other), REFUSED);
    assert.throws(() => decodeManifest(new Uint8Array(0)), REFUSED);
  });

  it('takes no number in a longer form than it needs', () => {
    const manifest: Manifest = { height: 7, stores: [{ name: 'acc', top: [new Uint8Array(32)] }] };
    const encoded = encodeManifest(manifest);
    const longer = concatBytes(encoded.subarray(0, 1), Uint8Array.of(0x87, 0x00), encoded.subarray(2));
    assert.throws(() => decodeManifest(longer), REFUSED);
    const huge = concatBytes(
      encoded.subarray(0, 1),
      Uint8Array.of(...new Array(9).fill(0xff), 0x7f),
      encoded.subarray(2),
    );
    assert.throws(() => decodeManifest(huge), REFUSED);
  });
});

function readable(bytes: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(bytes);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'bad_snapshot');
    return undefined;
  }
}
