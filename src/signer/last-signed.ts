import { base64 } from '@scure/base';
import type { Files } from '#ports/files.ts';
import { crc32c } from '#storage/crc32c.ts';
import { EMPTY_BYTES, fromHex, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { SignerErrorCode } from './errors.ts';

/** Steps in the order in which a round signs (wire-formats 3.6); 0 before the first signature. */
export const SIGNER_STEP = { none: 0, proposal: 1, prevote: 2, precommit: 3 } as const;
export type SignerStep = (typeof SIGNER_STEP)[keyof typeof SIGNER_STEP];

/** The last thing that the key signed. */
export interface LastSigned {
  readonly height: number;
  readonly round: number;
  readonly step: SignerStep;
  /** Empty before the first signature, and where only the place is known: nothing is signed there again then. */
  readonly signBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** A place in the order of signatures. */
export type SignedPlace = Pick<LastSigned, 'height' | 'round' | 'step'>;

export const NOTHING_SIGNED: LastSigned = {
  height: 0,
  round: 0,
  step: SIGNER_STEP.none,
  signBytes: EMPTY_BYTES,
  signature: EMPTY_BYTES,
};

const FIELDS: ReadonlySet<string> = new Set(['height', 'round', 'step', 'signature', 'signbytes', 'crc32c']);
const CHECKSUM_DIGITS = 8;
/** Rounds are int32 on the wire. */
export const MAX_ROUND = 2 ** 31 - 1;

/** Below 0: `a` comes before `b` in the order in which a key signs. */
export function compareSigned(a: SignedPlace, b: SignedPlace): number {
  return a.height - b.height || a.round - b.round || a.step - b.step;
}

/** The record that forbids every height up to `height` and says nothing of what was signed. */
export function quietUntil(height: number): LastSigned {
  return { ...NOTHING_SIGNED, height: height + 1 };
}

/** True for a record of `quietUntil`: the key's past is not known, so it keeps quiet for a while before it signs. */
export function isQuiet({ height, round, step }: SignedPlace): boolean {
  return height > 0 && round === 0 && step === SIGNER_STEP.none;
}

/**
 * True for a record that only a person writes (docs/backup.md, the last resort): the key signs from this later round on and
 * nothing before it. EIP-3076 calls such a place a low watermark.
 */
export function isLowWatermark({ height, round, step }: SignedPlace): boolean {
  return height > 0 && round > 0 && step === SIGNER_STEP.none;
}

/** CometBFT's `priv_validator_state.json`, with a checksum of its own fields so that damage is not taken for history. */
export function formatLastSigned(last: LastSigned): string {
  const fields = {
    height: String(last.height),
    round: last.round,
    step: last.step,
    ...(last.signature.length === 0
      ? {}
      : { signature: base64.encode(last.signature), signbytes: toHex(last.signBytes).toUpperCase() }),
  };
  return `${JSON.stringify({ ...fields, crc32c: checksum(fields) }, null, 2)}\n`;
}

/** Makes the record durable: the file and its directory are synced when it resolves. */
export async function writeLastSigned(files: Files, path: string, last: LastSigned): Promise<void> {
  await files.replace(path, new TextEncoder().encode(formatLastSigned(last)));
}

/**
 * Undefined when the file does not exist. Throws BizraError 'bad_state_file' when it is damaged: the key must not sign
 * then, because what it signed is unknown. A file that CometBFT wrote has no checksum and is accepted.
 */
export async function readLastSigned(files: Files, path: string): Promise<LastSigned | undefined> {
  const bytes = await files.read(path);
  if (bytes === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw damagedFile(path, 'it is not JSON');
  }
  if (typeof json !== 'object' || json === null) throw damagedFile(path, 'it is not a JSON object');
  return parse(path, json as Record<string, unknown>);
}

function parse(path: string, json: Record<string, unknown>): LastSigned {
  const unknown = Object.keys(json).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) throw damagedFile(path, `it has an unknown field ${JSON.stringify(unknown)}`);
  const { crc32c: expected, ...fields } = json;
  if (expected !== undefined && expected !== checksum(fields)) throw damagedFile(path, 'its checksum is wrong');
  const height = Number(typeof json.height === 'string' && /^\d{1,16}$/.test(json.height) ? json.height : Number.NaN);
  if (!Number.isSafeInteger(height)) throw damagedFile(path, 'height is not a number in quotes');
  const { round, step } = json;
  if (typeof round !== 'number' || !Number.isInteger(round) || round < 0 || round > MAX_ROUND) {
    throw damagedFile(path, 'round is wrong');
  }
  if (typeof step !== 'number' || ![0, 1, 2, 3].includes(step)) throw damagedFile(path, 'step is wrong');
  const signature = bytesOf(path, 'signature', json.signature, (text) => base64.decode(text));
  const signBytes = bytesOf(path, 'signbytes', json.signbytes, fromHex);
  if ((signature.length === 0) !== (signBytes.length === 0)) {
    throw damagedFile(path, 'signature and signbytes belong together');
  }
  return { height, round, step: step as SignerStep, signBytes, signature };
}

function bytesOf(path: string, field: string, value: unknown, decode: (text: string) => Uint8Array): Uint8Array {
  if (value === undefined) return EMPTY_BYTES;
  try {
    if (typeof value === 'string') return decode(value);
  } catch {
    // Told below, as for a value that is no string.
  }
  throw damagedFile(path, `${field} is malformed`);
}

/** Over the compact JSON of the fields in their order: spaces and line ends do not matter. */
function checksum(fields: Record<string, unknown>): string {
  return crc32c(new TextEncoder().encode(JSON.stringify(fields)))
    .toString(16)
    .padStart(CHECKSUM_DIGITS, '0');
}

function damagedFile(path: string, what: string): BizraError<SignerErrorCode> {
  return new BizraError(
    'bad_state_file',
    `the signing record ${path} is damaged (${what}): signing without it could be punished as double signing; restore it, or write the height, round and step that this key is known to have reached`,
  );
}
