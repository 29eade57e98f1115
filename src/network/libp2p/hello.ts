import { compareBytes, equalBytes, toHex } from '#util/bytes.ts';
import { malformed, NetworkError } from '../errors.ts';

/** Of our own frames and messages; raised with every change that older nodes cannot read. */
export const PROTOCOL_VERSION = 1;
const MAGIC = Uint8Array.of(0x42, 0x5a, 0x52, 0x41);
export const NONCE_BYTES = 8;
/** A hello is never longer: the limit of a stream's first frame. */
export const MAX_HELLO_BYTES = 256;
const FIXED_BYTES = MAGIC.length + 2 + NONCE_BYTES + 2;

/** First frame on every stream. */
export interface Hello {
  readonly version: number;
  /** Random for each start of a node: two links with different nonces tell that the peer was restarted. */
  readonly nonce: Uint8Array;
  readonly chainId: string;
  readonly genesisHash: Uint8Array;
}

/** magic(4) version(u16) nonce(8) chain id(u8 length, utf-8) genesis hash(u8 length). */
export function encodeHello(hello: Hello): Uint8Array {
  const chainId = new TextEncoder().encode(hello.chainId);
  const out = new Uint8Array(FIXED_BYTES + chainId.length + hello.genesisHash.length);
  out.set(MAGIC);
  out[4] = hello.version >> 8;
  out[5] = hello.version;
  out.set(hello.nonce, 6);
  let offset = 6 + NONCE_BYTES;
  out[offset++] = chainId.length;
  out.set(chainId, offset);
  offset += chainId.length;
  out[offset++] = hello.genesisHash.length;
  out.set(hello.genesisHash, offset);
  return out;
}

/** Throws NetworkError `malformed`. */
export function decodeHello(bytes: Uint8Array): Hello {
  if (bytes.length < FIXED_BYTES || bytes.length > MAX_HELLO_BYTES) {
    throw malformed(`hello of ${bytes.length} bytes`);
  }
  if (compareBytes(bytes.subarray(0, 4), MAGIC) !== 0) throw malformed('the first frame is not a hello');
  const chainIdStart = 7 + NONCE_BYTES;
  const chainIdEnd = chainIdStart + (bytes[chainIdStart - 1] as number);
  const hashLength = bytes[chainIdEnd];
  if (hashLength === undefined || chainIdEnd + 1 + hashLength !== bytes.length)
    throw malformed('hello is cut or too long');
  return {
    version: ((bytes[4] as number) << 8) | (bytes[5] as number),
    nonce: bytes.slice(6, 6 + NONCE_BYTES),
    chainId: new TextDecoder().decode(bytes.subarray(chainIdStart, chainIdEnd)),
    genesisHash: bytes.slice(chainIdEnd + 1),
  };
}

/** Throws NetworkError `foreign_chain` when the peer is of another network. */
export function checkHello(own: Hello, peer: Hello): void {
  if (peer.version !== own.version) {
    throw new NetworkError('foreign_chain', `peer speaks protocol version ${peer.version}, this node ${own.version}`);
  }
  if (peer.chainId !== own.chainId) {
    throw new NetworkError(
      'foreign_chain',
      `peer is on chain "${peer.chainId.slice(0, 64)}", this node on "${own.chainId}"`,
    );
  }
  if (!equalBytes(peer.genesisHash, own.genesisHash)) {
    throw new NetworkError(
      'foreign_chain',
      `peer has another genesis (${toHex(peer.genesisHash.subarray(0, 8))}) than this node (${toHex(own.genesisHash.subarray(0, 8))})`,
    );
  }
}
