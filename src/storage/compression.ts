import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';

/** Hashes and signatures do not shrink: the fastest level gives nearly what the others do. */
const LEVEL = constants.Z_BEST_SPEED;
/** A trip to the thread pool for each piece of output; larger ones waste memory. */
const PIECE_BYTES = 256 * 1024;

const deflateBytes = promisify(deflateRaw);
const inflateBytes = promisify(inflateRaw);

/**
 * Raw deflate in the thread pool. What it gives may differ between versions of zlib, so it is never hashed nor compared.
 */
export async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  return plain(await deflateBytes(bytes, { level: LEVEL, chunkSize: PIECE_BYTES }));
}

/** Undefined when `bytes` are not deflated ones or unfold into more than `maxBytes`, of which no more is made. */
export async function decompress(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    return plain(await inflateBytes(bytes, { maxOutputLength: maxBytes, chunkSize: PIECE_BYTES }));
  } catch {
    return undefined;
  }
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
