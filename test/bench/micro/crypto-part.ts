import { generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { PortableVerifier } from '#crypto/portable-verifier.ts';
import { secp256k1PublicKey, signSecp256k1 } from '#crypto/secp256k1.ts';
import { InlineVerifier, type Verifier, type VerifyItem } from '#crypto/verifier.ts';
import { assert } from '#util/assert.ts';
import type { BenchContext } from '../context.ts';
import { type Figure, figuresTable, measure } from '../repeat.ts';
import type { Section } from '../report.ts';

/** About what a transfer's sign bytes take. */
const MESSAGE_BYTES = 240;
const KEYS = 50;

function message(index: number): Uint8Array {
  return new Uint8Array(MESSAGE_BYTES).fill(index);
}

function secp256k1Item(index: number): VerifyItem {
  const key = sha256(Uint8Array.of(index, 1));
  const bytes = message(index);
  const signature = signSecp256k1(key, sha256(bytes));
  return { type: 'secp256k1', publicKey: secp256k1PublicKey(key), message: bytes, signature };
}

function ed25519Item(index: number): VerifyItem {
  const { publicKey, privateKey } = generateEd25519(sha256(Uint8Array.of(index, 2)));
  const bytes = message(index);
  return { type: 'ed25519', publicKey, message: bytes, signature: signEd25519(privateKey, bytes) };
}

function items(make: (index: number) => VerifyItem, count: number): VerifyItem[] {
  const made = Array.from({ length: KEYS }, (_, index) => make(index));
  return Array.from({ length: count }, (_, index) => made[index % KEYS] as VerifyItem);
}

function verifying(
  what: string,
  verifier: Verifier,
  list: readonly VerifyItem[],
  repetitions: number,
): Promise<Figure> {
  return measure({
    what,
    operations: list.length,
    repetitions,
    run: async () => assert((await verifier.verify(list)).every(Boolean), 'all signatures are good'),
  });
}

export async function cryptoPart({ quick, progress }: BenchContext): Promise<Section> {
  progress('signatures and hashes');
  const repetitions = quick ? 3 : 9;
  const native = new InlineVerifier();
  const portable = new PortableVerifier();
  const key = sha256(Uint8Array.of(7));
  const digest = sha256(message(7));
  const transaction = new Uint8Array(300).fill(9);
  const hashes = 20_000;
  const signatures = 500;
  const figures = [
    await verifying('secp256k1 verify, native', native, items(secp256k1Item, 1_000), repetitions),
    await verifying('secp256k1 verify, @noble/curves', portable, items(secp256k1Item, 50), repetitions),
    await verifying('ed25519 verify, native (libsodium)', native, items(ed25519Item, 1_000), repetitions),
    await verifying('ed25519 verify, @noble/curves', portable, items(ed25519Item, 50), repetitions),
    await measure({
      what: 'secp256k1 sign, native',
      operations: signatures,
      repetitions,
      run: () => {
        for (let i = 0; i < signatures; i++) signSecp256k1(key, digest);
      },
    }),
    await measure({
      what: 'sha256 of 300 bytes',
      operations: hashes,
      repetitions,
      run: () => {
        for (let i = 0; i < hashes; i++) sha256(transaction);
      },
    }),
  ];
  const notes = [
    `One thread, CPU time. The node uses the native code; @noble is the browser's path. ${MESSAGE_BYTES}-byte messages.`,
  ];
  return { name: 'crypto', notes, tables: [figuresTable('Signatures and hashes', figures)] };
}
