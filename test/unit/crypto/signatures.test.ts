import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 as noble } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { generateEd25519, signEd25519, verifyEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { PortableVerifier, verifyEd25519Portable, verifySecp256k1Portable } from '#crypto/portable-verifier.ts';
import { isSecp256k1PublicKey, secp256k1PublicKey, signSecp256k1, verifySecp256k1 } from '#crypto/secp256k1.ts';
import { hasSecp256k1SignatureForm } from '#crypto/secp256k1-form.ts';
import { InlineVerifier, type VerifyItem } from '#crypto/verifier.ts';
import { concatBytes, fromHex, toHex } from '#util/bytes.ts';

const SECP_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const SECP_HALF = (SECP_ORDER - 1n) / 2n;
const ED_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const bigEndian = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'));
const littleEndian = (value: bigint): Uint8Array => bigEndian(value).reverse();
const toBigInt = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

function bothSecp(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const native = verifySecp256k1(publicKey, digest, signature);
  assert.equal(verifySecp256k1Portable(publicKey, digest, signature), native, 'portable and native agree');
  return native;
}

function bothEd(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const native = verifyEd25519(publicKey, message, signature);
  assert.equal(verifyEd25519Portable(publicKey, message, signature), native, 'portable and native agree');
  return native;
}

function mutated(bytes: Uint8Array, index: number, mask: number): Uint8Array {
  const copy = bytes.slice();
  const at = index % copy.length;
  copy[at] = (copy[at] as number) ^ mask;
  return copy;
}

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const mask = fc.integer({ min: 1, max: 255 });

describe('secp256k1', () => {
  const privateKey = sha256(Uint8Array.of(1));
  const publicKey = secp256k1PublicKey(privateKey);
  const digest = sha256(Uint8Array.of(2));
  const signature = signSecp256k1(privateKey, digest);

  it('signs by RFC 6979 with low S, as @noble does', () => {
    fc.assert(
      fc.property(seed, seed, (key, message) => {
        fc.pre(noble.utils.isValidSecretKey(key));
        const own = signSecp256k1(key, message);
        assert.equal(toHex(own), toHex(noble.sign(message, key, { prehash: false, lowS: true })));
        assert.ok(toBigInt(own.subarray(32)) <= SECP_HALF);
        assert.ok(bothSecp(secp256k1PublicKey(key), message, own));
      }),
      { numRuns: 30 },
    );
  });

  it('native and portable agree on mutated signatures, keys and digests', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2), fc.nat(), mask, (which, index, bits) => {
        const parts = [publicKey, digest, signature];
        parts[which] = mutated(parts[which] as Uint8Array, index, bits);
        assert.equal(bothSecp(...(parts as [Uint8Array, Uint8Array, Uint8Array])), false);
      }),
      { numRuns: 200 },
    );
  });

  it('secp-key-and-signature-form: high S, r and s out of range', () => {
    assert.ok(bothSecp(publicKey, digest, signature));
    const r = toBigInt(signature.subarray(0, 32));
    const s = toBigInt(signature.subarray(32));
    const pairs: [bigint, bigint][] = [
      [r, SECP_ORDER - s],
      [0n, s],
      [r, 0n],
      [SECP_ORDER, s],
      [r, SECP_ORDER],
      [SECP_ORDER + 1n, s],
      [2n ** 256n - 1n, s],
      [r, SECP_HALF + 1n],
      [r, 2n ** 256n - 1n],
      [0n, 0n],
    ];
    for (const [a, b] of pairs) {
      assert.equal(bothSecp(publicKey, digest, concatBytes(bigEndian(a), bigEndian(b))), false, `${a} ${b}`);
    }
    assert.ok(
      !hasSecp256k1SignatureForm(concatBytes(bigEndian(r), bigEndian(SECP_HALF + 1n))),
      'whatever a backend says',
    );
    assert.ok(hasSecp256k1SignatureForm(concatBytes(bigEndian(SECP_ORDER - 1n), bigEndian(SECP_HALF))));
    for (const length of [0, 63, 65, 128]) assert.equal(bothSecp(publicKey, digest, new Uint8Array(length)), false);
  });

  it('secp-key-and-signature-form: only compressed keys on the curve', () => {
    for (const prefix of [0, 1, 4, 5, 6, 7, 255]) {
      const key = publicKey.slice();
      key[0] = prefix;
      assert.equal(bothSecp(key, digest, signature), false, `prefix ${prefix}`);
      assert.equal(isSecp256k1PublicKey(key), false);
    }
    const uncompressed = noble.Point.fromBytes(publicKey).toBytes(false);
    assert.equal(bothSecp(uncompressed, digest, signature), false);
    const offCurve = concatBytes(Uint8Array.of(2), bigEndian(5n)); // 5^3 + 7 is not a square
    assert.equal(isSecp256k1PublicKey(offCurve), false);
    assert.equal(bothSecp(offCurve, digest, signature), false);
    assert.equal(bothSecp(concatBytes(Uint8Array.of(2), bigEndian(2n ** 256n - 1n)), digest, signature), false);
    assert.ok(isSecp256k1PublicKey(publicKey));
  });

  it('refuses private keys of zero, the order and wrong lengths', () => {
    for (const bad of [bigEndian(0n), bigEndian(SECP_ORDER), new Uint8Array(31), new Uint8Array(0)]) {
      assert.throws(() => secp256k1PublicKey(bad), { name: 'BizraError', code: 'bad_key' });
    }
  });
});

describe('ed25519', () => {
  const { publicKey, privateKey } = generateEd25519(sha256(Uint8Array.of(3)));
  const message = Uint8Array.of(1, 2, 3);
  const signature = signEd25519(privateKey, message);

  it('makes the keys and signatures of RFC 8032', () => {
    const pair = generateEd25519(fromHex('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'));
    assert.equal(toHex(pair.publicKey), 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025');
    assert.equal(
      toHex(signEd25519(pair.privateKey, fromHex('af82'))),
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    );
    assert.notEqual(toHex(generateEd25519().publicKey), toHex(generateEd25519().publicKey));
  });

  it('native and portable agree on valid and mutated signatures', () => {
    fc.assert(
      fc.property(
        seed,
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(0, 2),
        fc.nat(),
        mask,
        (key, text, which, index, bits) => {
          const pair = generateEd25519(key);
          const own = signEd25519(pair.privateKey, text);
          assert.ok(bothEd(pair.publicKey, text, own));
          const parts = [pair.publicKey, text, own];
          parts[which] = mutated(parts[which] as Uint8Array, index, bits);
          bothEd(...(parts as [Uint8Array, Uint8Array, Uint8Array]));
          assert.equal(bothEd(pair.publicKey, concatBytes(text, Uint8Array.of(0)), own), false);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('refuses s beyond the order, and wrong lengths', () => {
    const s = toBigInt(signature.slice(32).reverse());
    const malleable = concatBytes(signature.subarray(0, 32), littleEndian(s + ED_ORDER));
    assert.equal(bothEd(publicKey, message, malleable), false);
    for (const length of [0, 63, 65]) assert.equal(bothEd(publicKey, message, new Uint8Array(length)), false);
    for (const length of [0, 31, 33]) assert.equal(bothEd(new Uint8Array(length), message, signature), false);
  });

  it('native and portable agree on torsion points and non-canonical encodings', () => {
    const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
    const encodings = Array.from({ length: 8 }, (_, i) =>
      i === 0 ? ed25519.Point.ZERO.toBytes() : torsion.multiplyUnsafe(BigInt(i)).toBytes(),
    );
    // y = p and y = p + 1, the non-canonical forms of 0 and 1, with both signs of x.
    for (const y of [2n ** 255n - 19n, 2n ** 255n - 18n]) {
      encodings.push(littleEndian(y), littleEndian(y + 2n ** 255n));
    }
    const zero = new Uint8Array(32);
    for (const key of [publicKey, ...encodings]) {
      for (const r of [signature.subarray(0, 32), ...encodings]) {
        for (const s of [zero, signature.subarray(32)]) bothEd(key, message, concatBytes(r, s));
      }
    }
    const secret = 12345n;
    const challengeOf = (r: Uint8Array, key: Uint8Array): bigint =>
      toBigInt(sha512(concatBytes(r, key, message)).reverse()) % ED_ORDER;
    // Small-order keys: wherever the challenge cancels them, any R = rB with s = r satisfies the equation.
    for (const key of encodings) {
      for (let nonce = 1n; nonce <= 24n; nonce++) {
        const r = ed25519.Point.BASE.multiply(nonce).toBytes();
        assert.equal(bothEd(key, message, concatBytes(r, littleEndian(nonce))), false);
      }
    }
    // R of small order: with s = k * secret, sB - kA is the identity.
    const honestKey = ed25519.Point.BASE.multiply(secret).toBytes();
    for (const r of encodings) {
      const s = littleEndian((challengeOf(r, honestKey) * secret) % ED_ORDER);
      assert.equal(bothEd(honestKey, message, concatBytes(r, s)), false);
    }
    // A key with a torsion component, signed so that the cofactored equation always holds, the other one sometimes.
    const verdicts = new Set<boolean>();
    const mixedKey = ed25519.Point.BASE.multiply(secret).add(torsion).toBytes();
    for (let nonce = 1n; nonce <= 48n; nonce++) {
      const r = ed25519.Point.BASE.multiply(nonce).toBytes();
      const s = littleEndian((nonce + challengeOf(r, mixedKey) * secret) % ED_ORDER);
      verdicts.add(bothEd(mixedKey, message, concatBytes(r, s)));
    }
    assert.equal(verdicts.size, 2, 'both verdicts occur: the cofactor is not used');
  });
});

describe('verifiers', () => {
  it('batch-verify-mixed-keys: a batch equals checking one by one', async () => {
    const pair = generateEd25519(sha256(Uint8Array.of(4)));
    const secret = sha256(Uint8Array.of(5));
    const message = Uint8Array.of(9);
    const items: VerifyItem[] = [];
    for (let i = 0; i < 6; i++) {
      const ed: VerifyItem = {
        type: 'ed25519',
        publicKey: pair.publicKey,
        message,
        signature: mutated(signEd25519(pair.privateKey, message), i, i % 2),
      };
      const signature = mutated(signSecp256k1(secret, sha256(message)), 40 + i, i % 3 === 0 ? 1 : 0);
      const secp: VerifyItem = { type: 'secp256k1', publicKey: secp256k1PublicKey(secret), message, signature };
      items.push(ed, secp, { ...secp, digest: sha256(message) }, { ...secp, digest: new Uint8Array(32) });
    }
    const inline = new InlineVerifier();
    const expected = items.map((item) => inline.verifySync(item));
    assert.ok(expected.includes(true) && expected.includes(false));
    assert.deepEqual(await inline.verify(items), expected);
    assert.deepEqual(await new PortableVerifier().verify(items), expected);
    assert.deepEqual(await inline.verify([]), []);
  });
});

function sha512(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(bytes).digest());
}
