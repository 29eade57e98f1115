import { validatorAddress } from '#crypto/address.ts';
import { type Ed25519KeyPair, signEd25519 } from '#crypto/ed25519.ts';
import type { Files } from '#ports/files.ts';
import { type Proposal, proposalSignBytes, type UnsignedProposal } from '#types/proposal.ts';
import type { Time } from '#types/time.ts';
import type { PublicKey } from '#types/validator-set.ts';
import { PREVOTE, type UnsignedVote, type Vote, voteSignBytes } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { SerialQueue } from '#util/serial-queue.ts';
import type { SignerErrorCode } from './errors.ts';
import { checkPrivate, formatKeyFile, type KeyFiles, readKeyFile } from './key-file.ts';
import { type KeyLock, type LockKey, lockKeyFile } from './key-lock.ts';
import {
  compareSigned,
  isLowWatermark,
  isQuiet,
  type LastSigned,
  NOTHING_SIGNED,
  readLastSigned,
  SIGNER_STEP,
  type SignedPlace,
  type SignerStep,
  writeLastSigned,
} from './last-signed.ts';
import { timestampIn } from './sign-bytes.ts';

export interface FileSignerOptions {
  /** Open without a signing record as well: nothing is signed until `raise` has written one. */
  readonly recordOptional?: boolean;
  readonly lock?: LockKey;
  /** Makes the signatures: Ed25519 if absent. The simulator has a cheaper kind, for the price of which it runs more. */
  readonly sign?: SignBytes;
}

export type SignBytes = (privateKey: Uint8Array, message: Uint8Array) => Uint8Array;

/** One request: where it stands in the order of signatures, and its bytes for any timestamp. */
interface Request {
  readonly height: number;
  readonly round: number;
  readonly step: SignerStep;
  readonly timestamp: Time;
  readonly timestampField: number;
  readonly bytesAt: (timestamp: Time) => Uint8Array;
}

/** Fields of CanonicalVote and CanonicalProposal that hold the timestamp (wire-formats 3.2). */
const VOTE_TIMESTAMP_FIELD = 5;
const PROPOSAL_TIMESTAMP_FIELD = 6;

/** Signatures of this process that are remembered: those of a few heights of many rounds. */
const REMEMBERED_SIGNATURES = 256;

interface Signed {
  readonly signature: Uint8Array;
  readonly timestamp: Time;
}

/** Writes a new key and its empty signing record, both mode 0600. */
export async function createSignerFiles(
  files: Files,
  keyPath: string,
  statePath: string,
  key: Ed25519KeyPair,
): Promise<void> {
  await writeLastSigned(files, statePath, NOTHING_SIGNED);
  await files.replace(keyPath, new TextEncoder().encode(formatKeyFile(key)));
}

/**
 * Signs with a key in a file. Never signs two different things for one height, round and step, nor anything before
 * the last (wire-formats 3.6): what is signed is on the disk before the signature leaves.
 */
export class FileSigner {
  readonly publicKey: PublicKey;
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly recordPath: string;
  private readonly files: Files;
  private readonly key: Ed25519KeyPair;
  private readonly lock: KeyLock;
  private readonly signBytes: SignBytes;
  private readonly requests = new SerialQueue();
  private last: LastSigned;
  /** Set when a record could not be written: what the disk holds is unknown, so this process signs no more. */
  private failure: unknown;
  /** Why nothing is signed for as long as this process lives, although nothing failed. */
  private silence: string | undefined;
  private missing: boolean;
  /** What this process signed, oldest first. */
  private readonly made = new Map<string, Uint8Array>();

  private constructor(
    files: Files,
    key: Ed25519KeyPair,
    recordPath: string,
    lock: KeyLock,
    last: LastSigned | undefined,
    signBytes: SignBytes,
  ) {
    this.files = files;
    this.signBytes = signBytes;
    this.key = key;
    this.recordPath = recordPath;
    this.lock = lock;
    this.last = last ?? NOTHING_SIGNED;
    this.missing = last === undefined;
    this.publicKey = { type: 'ed25519', bytes: key.publicKey };
    this.address = validatorAddress(this.publicKey);
  }

  /**
   * Locks and reads the key and the signing record. Throws BizraError 'bad_key_file', 'bad_state_file' or
   * 'key_in_use', in one line that names the file.
   */
  static async open(
    files: KeyFiles,
    keyPath: string,
    statePath: string,
    options: FileSignerOptions = {},
  ): Promise<FileSigner> {
    const key = await readKeyFile(files, keyPath);
    await checkPrivate(files, statePath);
    const lock = await (options.lock ?? lockKeyFile)(
      keyPath,
      validatorAddress({ type: 'ed25519', bytes: key.publicKey }),
    );
    try {
      const last = await openRecord(files, statePath, options);
      return new FileSigner(files, key, statePath, lock, last, options.sign ?? signEd25519);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Where the key stands; height 0 before its first signature. */
  get lastSigned(): SignedPlace {
    return { height: this.last.height, round: this.last.round, step: this.last.step };
  }

  /** True until `raise` when the key was opened without its record. */
  get recordMissing(): boolean {
    return this.missing;
  }

  /** True from a `raise` to a quiet record until the first signature after it, over restarts. */
  get isQuiet(): boolean {
    return isQuiet(this.last);
  }

  /** Nothing is signed up to this height, whatever is asked. */
  get mutedHeight(): number {
    if (this.missing || this.silence !== undefined) return Number.MAX_SAFE_INTEGER;
    return this.isQuiet || isLowWatermark(this.last) ? this.last.height - 1 : 0;
  }

  /** Signs nothing more in this process; requests are refused as 'double_sign' with this reason. */
  mute(reason: string): void {
    this.silence ??= reason;
  }

  /**
   * Moves the record forward without a signature, durably: nothing up to and including `place` is signed any more. A
   * place that the key has passed changes nothing.
   */
  raise(place: SignedPlace): Promise<void> {
    return this.requests.run(async () => {
      this.throwIfFailed();
      if (!this.missing && compareSigned(place, this.last) <= 0) return;
      const { height, round, step } = place;
      await this.record({ ...NOTHING_SIGNED, height, round, step });
      this.missing = false;
    });
  }

  /**
   * Whether a signature of this key, found somewhere, is one that may have been made here. False: another process has
   * signed with the key, or this record is older than what was signed.
   */
  mayHaveMade(place: SignedPlace, signature: Uint8Array): boolean {
    const order = compareSigned(place, this.last);
    if (order > 0) return false;
    const known = this.made.get(slotOf(place)) ?? (order === 0 ? this.last.signature : undefined);
    // Of what came before an earlier start only the last is known.
    return known === undefined || known.length === 0 || equalBytes(known, signature);
  }

  /**
   * The vote with its signature. When the same vote was signed before with another timestamp, the earlier timestamp is
   * in it. Throws BizraError 'double_sign' or 'signer_failed'.
   */
  async signVote(chainId: string, vote: UnsignedVote): Promise<Vote> {
    const signed = await this.sign({
      height: vote.height,
      round: vote.round,
      step: vote.type === PREVOTE ? SIGNER_STEP.prevote : SIGNER_STEP.precommit,
      timestamp: vote.timestamp,
      timestampField: VOTE_TIMESTAMP_FIELD,
      bytesAt: (timestamp) => voteSignBytes(chainId, { ...vote, timestamp }),
    });
    return { ...vote, ...signed };
  }

  /** As `signVote`. */
  async signProposal(chainId: string, proposal: UnsignedProposal): Promise<Proposal> {
    const signed = await this.sign({
      height: proposal.height,
      round: proposal.round,
      step: SIGNER_STEP.proposal,
      timestamp: proposal.timestamp,
      timestampField: PROPOSAL_TIMESTAMP_FIELD,
      bytesAt: (timestamp) => proposalSignBytes(chainId, { ...proposal, timestamp }),
    });
    return { ...proposal, ...signed };
  }

  /** Lets another process use the key. */
  async close(): Promise<void> {
    await this.requests.idle();
    this.failure ??= new Error('the signer is closed');
    await this.lock.release();
  }

  private sign(request: Request): Promise<Signed> {
    return this.requests.run(async () => {
      this.throwIfFailed();
      if (this.silence !== undefined) throw refusal(request, this.last, this.silence);
      if (this.missing) throw refusal(request, this.last, 'what it signed before is not known');
      return this.signedBefore(request) ?? (await this.signNow(request));
    });
  }

  private throwIfFailed(): void {
    if (this.failure === undefined) return;
    throw new BizraError<SignerErrorCode>('signer_failed', 'the signer has stopped', { cause: this.failure });
  }

  /** The earlier signature for the same thing; throws when something else was signed here or later. */
  private signedBefore(request: Request): Signed | undefined {
    const { last } = this;
    const order = compareSigned(request, last);
    if (order > 0) return undefined;
    if (order < 0) throw refusal(request, last, 'it signed something later already');
    if (last.signature.length === 0) throw refusal(request, last, 'what it signed there is not known');
    if (equalBytes(request.bytesAt(request.timestamp), last.signBytes)) {
      return { signature: last.signature, timestamp: request.timestamp };
    }
    const timestamp = timestampIn(last.signBytes, request.timestampField);
    if (timestamp !== undefined && equalBytes(request.bytesAt(timestamp), last.signBytes)) {
      return { signature: last.signature, timestamp };
    }
    throw refusal(request, last, 'it signed something else there already');
  }

  private async signNow(request: Request): Promise<Signed> {
    const signBytes = request.bytesAt(request.timestamp);
    const signature = this.signBytes(this.key.privateKey, signBytes);
    const { height, round, step } = request;
    await this.record({ height, round, step, signBytes, signature });
    this.remember(request, signature);
    return { signature, timestamp: request.timestamp };
  }

  private async record(record: LastSigned): Promise<void> {
    // From here on this is what was signed, whether or not the disk says so.
    this.last = record;
    try {
      await writeLastSigned(this.files, this.recordPath, record);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  private remember(place: SignedPlace, signature: Uint8Array): void {
    this.made.set(slotOf(place), signature);
    if (this.made.size <= REMEMBERED_SIGNATURES) return;
    const [oldest] = this.made.keys();
    if (oldest !== undefined) this.made.delete(oldest);
  }
}

/** Undefined when there is none and the caller copes with that. */
async function openRecord(
  files: KeyFiles,
  path: string,
  { recordOptional }: FileSignerOptions,
): Promise<LastSigned | undefined> {
  const last = await readLastSigned(files, path);
  if (last === undefined && recordOptional !== true) throw missingRecord(path);
  // A process that was killed before it synced the directory leaves a record that is read now and can be gone after a
  // power cut: what is signed again on its word must not come before it is on the disk.
  if (last !== undefined) await writeLastSigned(files, path, last);
  return last;
}

/** For whoever opened the key without its record and finds that it is needed. */
export function missingRecord(path: string): BizraError<SignerErrorCode> {
  return new BizraError(
    'bad_state_file',
    `the signing record ${path} is missing: signing without it could be punished as double signing; restore it from the machine that used this key last, or start once with --recover-signing-record`,
  );
}

function slotOf({ height, round, step }: SignedPlace): string {
  return `${height}/${round}/${step}`;
}

function refusal(request: Request, last: LastSigned, why: string): BizraError<SignerErrorCode> {
  return new BizraError(
    'double_sign',
    `the key must not sign at height/round/step ${slotOf(request)}: ${why} (its last is ${slotOf(last)})`,
  );
}
