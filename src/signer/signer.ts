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
  type LastSigned,
  NOTHING_SIGNED,
  readLastSigned,
  SIGNER_STEP,
  type SignerStep,
  writeLastSigned,
} from './last-signed.ts';
import { timestampIn } from './sign-bytes.ts';

export interface FileSignerOptions {
  /**
   * Accept a missing signing record: only where this key cannot have signed yet, in a home whose chain has not begun.
   * Otherwise its loss stops the node, because a key without memory can be made to sign twice.
   */
  readonly newKey?: boolean;
  readonly lock?: LockKey;
}

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
  private readonly files: Files;
  private readonly key: Ed25519KeyPair;
  private readonly statePath: string;
  private readonly lock: KeyLock;
  private readonly requests = new SerialQueue();
  private last: LastSigned;
  /** Set when a record could not be written: what the disk holds is unknown, so this process signs no more. */
  private failure: unknown;

  private constructor(files: Files, key: Ed25519KeyPair, statePath: string, lock: KeyLock, last: LastSigned) {
    this.files = files;
    this.key = key;
    this.statePath = statePath;
    this.lock = lock;
    this.last = last;
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
    const lock = await (options.lock ?? lockKeyFile)(keyPath);
    try {
      const last = await openRecord(files, statePath, options.newKey === true);
      return new FileSigner(files, key, statePath, lock, last);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Where the key stands; height 0 before its first signature. */
  get lastSigned(): Pick<LastSigned, 'height' | 'round' | 'step'> {
    return { height: this.last.height, round: this.last.round, step: this.last.step };
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
      if (this.failure !== undefined) {
        throw new BizraError<SignerErrorCode>('signer_failed', 'the signer has stopped', { cause: this.failure });
      }
      return this.signedBefore(request) ?? (await this.signNow(request));
    });
  }

  /** The earlier signature for the same thing; throws when something else was signed here or later. */
  private signedBefore(request: Request): Signed | undefined {
    const { last } = this;
    const order = compareSteps(request, last);
    if (order > 0) return undefined;
    if (order < 0) throw refusal(request, last, 'it signed something later already');
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
    const signature = signEd25519(this.key.privateKey, signBytes);
    const { height, round, step } = request;
    const record: LastSigned = { height, round, step, signBytes, signature };
    // From here on this is what was signed, whether or not the disk says so.
    this.last = record;
    try {
      await writeLastSigned(this.files, this.statePath, record);
    } catch (error) {
      this.failure = error;
      throw error;
    }
    return { signature, timestamp: request.timestamp };
  }
}

async function openRecord(files: KeyFiles, path: string, newKey: boolean): Promise<LastSigned> {
  const last = await readLastSigned(files, path);
  if (last !== undefined) return last;
  if (!newKey) {
    throw new BizraError<SignerErrorCode>(
      'bad_state_file',
      `the signing record ${path} is missing: signing without it could be punished as double signing; restore it from the machine that used this key last`,
    );
  }
  await writeLastSigned(files, path, NOTHING_SIGNED);
  return NOTHING_SIGNED;
}

function compareSteps(a: Pick<LastSigned, 'height' | 'round' | 'step'>, b: LastSigned): number {
  return a.height - b.height || a.round - b.round || a.step - b.step;
}

function refusal(request: Request, last: LastSigned, why: string): BizraError<SignerErrorCode> {
  const at = ({ height, round, step }: Pick<LastSigned, 'height' | 'round' | 'step'>) => `${height}/${round}/${step}`;
  return new BizraError(
    'double_sign',
    `the key must not sign at height/round/step ${at(request)}: ${why} (its last is ${at(last)})`,
  );
}
