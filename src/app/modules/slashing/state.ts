import { encodeBech32 } from '#crypto/address.ts';
import type { PublicKey } from '#types/validator-set.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';
import { Collection, type StoreAccess } from '../../store/collection.ts';
import { consensusKeyCodec } from './consensus-key.ts';
import { offenceCodec, offenceHash, type PunishedOffence } from './equivocation.ts';
import { type SigningInfo, signingInfoCodec } from './signing-info.ts';

/** The SDK's stores (wire-formats 7.7). */
export const SLASHING_STORE = 'slashing';
export const EVIDENCE_STORE = 'evidence';

/** `01 |consensus address|`, and `03 |consensus address|`. */
export const SIGNING_INFO_PREFIX = '\x01';
export const PUBLIC_KEY_PREFIX = '\x03';
/** `00 hash`. */
export const OFFENCE_PREFIX = '\x00';

/** The SDK's suffix to the chain's prefix, for consensus addresses. */
const CONSENSUS_SUFFIX = 'valcons';

/** What validators have done, by their consensus address (20 bytes). */
export class SlashingState {
  readonly signingInfos = new Collection<SigningInfo>(SLASHING_STORE, signingInfoCodec);
  readonly publicKeys = new Collection<PublicKey>(SLASHING_STORE, consensusKeyCodec);
  readonly offences = new Collection<PunishedOffence>(EVIDENCE_STORE, offenceCodec);
  private readonly prefix: string;

  constructor(bech32Prefix: string) {
    this.prefix = bech32Prefix + CONSENSUS_SUFFIX;
  }

  /** With the chain's own prefix, whatever it is (regression equivocation-custom-prefix). */
  addressText(address: Uint8Array): string {
    return encodeBech32(this.prefix, address);
  }

  get addressPrefix(): string {
    return this.prefix;
  }

  getSigningInfo(access: StoreAccess, address: Uint8Array): SigningInfo | undefined {
    return this.signingInfos.get(access, signingInfoKey(address));
  }

  setSigningInfo(access: StoreAccess, address: Uint8Array, info: SigningInfo): void {
    this.signingInfos.set(access, signingInfoKey(address), info);
  }

  setPublicKey(access: StoreAccess, address: Uint8Array, key: PublicKey): void {
    this.publicKeys.set(access, PUBLIC_KEY_PREFIX + lengthPrefixed(address), key);
  }

  addOffence(access: StoreAccess, offence: PunishedOffence): void {
    this.offences.set(access, offenceKey(offenceHash(offence)), offence);
  }

  /** Whether encoded bytes of a signing info say that its validator was punished for ever. */
  isTombstoned(record: Uint8Array | undefined): boolean {
    return record !== undefined && this.signingInfos.codec.decode(record).tombstoned;
  }
}

export function signingInfoKey(address: Uint8Array): string {
  return SIGNING_INFO_PREFIX + lengthPrefixed(address);
}

export function signingInfoKeyBytes(address: Uint8Array): Uint8Array {
  return fromLatin1(signingInfoKey(address));
}

export function offenceKey(hash: Uint8Array): string {
  return OFFENCE_PREFIX + toLatin1(hash);
}

function lengthPrefixed(address: Uint8Array): string {
  return String.fromCharCode(address.length) + toLatin1(address);
}
