import { sha256 } from '#crypto/hash.ts';
import { hasSecp256k1KeyForm } from '#crypto/secp256k1-form.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { type Address, type AddressBook, isAddress } from './address.ts';
import { asciiBytes } from './codec/text.ts';
import { malformed, unknownField, WireReader } from './codec/wire-reader.ts';
import type { Coin } from './coins.ts';
import { Refusal, SDK_ERRORS } from './errors.ts';
import type { DecodedMessage, MessageType } from './message.ts';
import { SECP256K1_PUB_KEY_URL } from './modules/auth/account.ts';
import { readCoin } from './modules/bank/coin-codec.ts';
import { DecodedTx, type Fee, type SignerInfo } from './tx.ts';

const SECP256K1_URL = asciiBytes(SECP256K1_PUB_KEY_URL);
/** Types of keys that the SDK knows and accounts here cannot have. */
const MULTISIG_URL = '/cosmos.crypto.multisig.LegacyAminoPubKey';
const ED25519_URL = '/cosmos.crypto.ed25519.PubKey';

/** Unknown fields whose number has this bit do not matter (ADR-020); they are tolerated in TxBody only. */
const NON_CRITICAL_BIT = 0x400;

const TAG_EXTENSION_OPTIONS = (1_023 << 3) | 2;
const TAG_NON_CRITICAL_OPTIONS = (2_047 << 3) | 2;

/** Enums are int32. */
const MAX_ENUM = 0x7fffffff;

interface Body {
  readonly messages: readonly DecodedMessage[];
  readonly memo: string;
  readonly timeoutHeight: bigint;
}

interface AuthInfo {
  readonly signerInfos: readonly SignerInfo[];
  readonly fee: Fee | undefined;
}

const EMPTY_BODY: Body = { messages: [], memo: '', timeoutHeight: 0n };
const EMPTY_AUTH_INFO: AuthInfo = { signerInfos: [], fee: undefined };

/**
 * Reads transactions in one pass over their bytes. Only canonical ones pass (ADR-027): two spellings of one
 * transaction would have two hashes. The grammar has a fixed depth, so nesting cannot exhaust the stack.
 */
export class TxDecoder {
  private readonly addresses: AddressBook;
  private readonly types: readonly { readonly url: Uint8Array; readonly type: MessageType }[];

  constructor(addresses: AddressBook, types: readonly MessageType[]) {
    this.addresses = addresses;
    this.types = types.map((type) => ({ url: asciiBytes(type.typeUrl), type }));
  }

  /** Throws a Refusal, mostly `tx parse error`. The bytes are kept and must not change. `knownHash` is their SHA-256. */
  decode(bytes: Uint8Array, knownHash?: Uint8Array): DecodedTx {
    const reader = new WireReader(bytes);
    let body = EMPTY_BODY;
    let bodyBytes = EMPTY_BYTES;
    let authInfo = EMPTY_AUTH_INFO;
    let authInfoBytes = EMPTY_BYTES;
    const signatures: Uint8Array[] = [];
    let last = 0;
    while (reader.more()) {
      const tag = reader.tag(last);
      if (tag === 0x0a) {
        reader.once(tag, last);
        const outer = reader.enterBytes();
        const start = reader.position;
        body = this.readBody(reader);
        bodyBytes = bytes.subarray(start, reader.position);
        reader.leave(outer);
      } else if (tag === 0x12) {
        reader.once(tag, last);
        const outer = reader.enterBytes();
        const start = reader.position;
        authInfo = this.readAuthInfo(reader);
        authInfoBytes = bytes.subarray(start, reader.position);
        reader.leave(outer);
      } else if (tag === 0x1a) {
        reader.countEntry();
        signatures.push(reader.entry());
      } else throw unknownField('cosmos.tx.v1beta1.TxRaw', tag);
      last = tag;
    }
    const fault = messageFault(body.messages);
    const signers = fault === undefined ? requiredSigners(body.messages, authInfo.fee) : [];
    const hash = knownHash ?? sha256(bytes);
    return new DecodedTx({ bytes, hash, bodyBytes, authInfoBytes, ...body, ...authInfo, signatures }, signers, fault);
  }

  private readBody(reader: WireReader): Body {
    const messages: DecodedMessage[] = [];
    let memo = '';
    let timeoutHeight = 0n;
    let last = 0;
    while (reader.more()) {
      const tag = reader.tag(last);
      if (tag === 0x0a) messages.push(this.readMessage(reader));
      else if (tag === 0x12) {
        reader.once(tag, last);
        memo = reader.text();
      } else if (tag === 0x18) {
        reader.once(tag, last);
        timeoutHeight = reader.uint64();
      } else this.readOption(reader, tag);
      last = tag;
    }
    return { messages, memo, timeoutHeight };
  }

  private readOption(reader: WireReader, tag: number): void {
    reader.countEntry();
    if (tag === TAG_EXTENSION_OPTIONS) throw new Refusal(SDK_ERRORS.unknownExtensionOptions);
    if (tag === TAG_NON_CRITICAL_OPTIONS) {
      const outer = reader.enter();
      readAnyLeniently(reader);
      reader.leave(outer);
    } else if (((tag >>> 3) & NON_CRITICAL_BIT) !== 0) reader.skip(tag);
    else throw unknownField('cosmos.tx.v1beta1.TxBody', tag);
  }

  /** `Any{type_url=1, value=2}` of a message that has a handler here. */
  private readMessage(reader: WireReader): DecodedMessage {
    reader.countEntry();
    const outer = reader.enter();
    if (!reader.more() || reader.tag(0) !== 0x0a) throw malformed('a message has no type URL');
    const type = this.readType(reader);
    let value: unknown;
    if (reader.more()) {
      const tag = reader.tag(0x0a);
      if (tag !== 0x12) throw unknownField('google.protobuf.Any', tag);
      const any = reader.enterBytes();
      value = type.decode(reader);
      reader.leave(any);
    } else value = type.decode(reader);
    reader.leave(outer);
    return { type, value };
  }

  private readType(reader: WireReader): MessageType {
    for (const { url, type } of this.types) if (reader.skipIfEqual(url)) return type;
    throw malformed(`unable to resolve type URL ${shorten(reader.text())}`);
  }

  private readAuthInfo(reader: WireReader): AuthInfo {
    const signerInfos: SignerInfo[] = [];
    let fee: Fee | undefined;
    let last = 0;
    while (reader.more()) {
      const tag = reader.tag(last);
      if (tag === 0x0a) signerInfos.push(readSignerInfo(reader));
      else if (tag === 0x12) {
        reader.once(tag, last);
        fee = this.readFee(reader);
      } else if (tag === 0x1a) throw new Refusal(SDK_ERRORS.notSupported, 'tips are not supported');
      else throw unknownField('cosmos.tx.v1beta1.AuthInfo', tag);
      last = tag;
    }
    return { signerInfos, fee };
  }

  private readFee(reader: WireReader): Fee {
    const outer = reader.enter();
    const amount: Coin[] = [];
    let gasLimit = 0n;
    let payer = '';
    let granter = '';
    let last = 0;
    while (reader.more()) {
      const tag = reader.tag(last);
      if (tag !== 0x0a) reader.once(tag, last);
      if (tag === 0x0a) amount.push(readCoin(reader));
      else if (tag === 0x10) gasLimit = reader.uint64();
      else if (tag === 0x1a) payer = reader.text();
      else if (tag === 0x22) granter = reader.text();
      else throw unknownField('cosmos.tx.v1beta1.Fee', tag);
      last = tag;
    }
    reader.leave(outer);
    return { amount, gasLimit, payer: payer === '' ? undefined : this.addresses.parse(payer), granter };
  }
}

function readSignerInfo(reader: WireReader): SignerInfo {
  reader.countEntry();
  const outer = reader.enter();
  let pubKey: Uint8Array | undefined;
  let mode: number | undefined;
  let sequence = 0n;
  let last = 0;
  while (reader.more()) {
    const tag = reader.tag(last);
    reader.once(tag, last);
    if (tag === 0x0a) pubKey = readPubKey(reader);
    else if (tag === 0x12) mode = readMode(reader);
    else if (tag === 0x18) sequence = reader.uint64();
    else throw unknownField('cosmos.tx.v1beta1.SignerInfo', tag);
    last = tag;
  }
  reader.leave(outer);
  return { pubKey, mode, sequence };
}

/** `Any` of a `cosmos.crypto.secp256k1.PubKey{key=1}`. */
function readPubKey(reader: WireReader): Uint8Array {
  const outer = reader.enter();
  if (!reader.more() || reader.tag(0) !== 0x0a) throw malformed('a public key has no type URL');
  if (!reader.skipIfEqual(SECP256K1_URL)) throw foreignKey(reader.text());
  if (!reader.more() || reader.tag(0x0a) !== 0x12) throw malformed('a public key has no value');
  const any = reader.enterBytes();
  if (reader.tag(0) !== 0x0a) throw malformed('a public key has no key bytes');
  const key = reader.view();
  reader.leave(any);
  reader.leave(outer);
  if (!hasSecp256k1KeyForm(key))
    throw new Refusal(SDK_ERRORS.invalidPubKey, 'expected 33 bytes that start with 02 or 03');
  return key;
}

function foreignKey(typeUrl: string): Refusal {
  if (typeUrl === MULTISIG_URL) return new Refusal(SDK_ERRORS.notSupported, 'multisig accounts are not supported');
  if (typeUrl === ED25519_URL) return new Refusal(SDK_ERRORS.invalidPubKey, 'ED25519 public keys are unsupported');
  return malformed(`unable to resolve type URL ${shorten(typeUrl)}`);
}

/** `ModeInfo{single=1 {mode=1}}`. An absent mode is 0: unspecified, as simulations have it. */
function readMode(reader: WireReader): number | undefined {
  const outer = reader.enter();
  let mode: number | undefined;
  let last = 0;
  while (reader.more()) {
    const tag = reader.tag(last);
    reader.once(tag, last);
    if (tag === 0x0a) mode = readSingle(reader);
    else if (tag === 0x12) throw new Refusal(SDK_ERRORS.notSupported, 'multisig signatures are not supported');
    else throw unknownField('cosmos.tx.v1beta1.ModeInfo', tag);
    last = tag;
  }
  reader.leave(outer);
  return mode;
}

function readSingle(reader: WireReader): number {
  const outer = reader.enter();
  let mode = 0;
  if (reader.more()) {
    const tag = reader.tag(0);
    if (tag !== 0x08) throw unknownField('cosmos.tx.v1beta1.ModeInfo.Single', tag);
    mode = reader.number();
    if (mode === 0 || mode > MAX_ENUM) throw malformed(`invalid sign mode ${mode}`);
  }
  reader.leave(outer);
  return mode;
}

/** An `Any` that nobody looks into. */
function readAnyLeniently(reader: WireReader): void {
  let last = 0;
  while (reader.more()) {
    const tag = reader.tag(last);
    reader.once(tag, last);
    if (tag === 0x0a) reader.text();
    else if (tag === 0x12) reader.view();
    else throw unknownField('google.protobuf.Any', tag);
    last = tag;
  }
}

function messageFault(messages: readonly DecodedMessage[]): Refusal | undefined {
  if (messages.length === 0) return new Refusal(SDK_ERRORS.invalidRequest, 'must contain at least one message');
  try {
    for (const { type, value } of messages) type.verify(value);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Signers of the messages without repeats, then the fee payer (regression fee-payer-signs). */
function requiredSigners(messages: readonly DecodedMessage[], fee: Fee | undefined): readonly Address[] {
  if (messages.length === 1 && fee?.payer === undefined) {
    const { type, value } = messages[0] as DecodedMessage;
    return type.signers(value);
  }
  const signers = new Map<string, Address>();
  for (const { type, value } of messages) for (const signer of type.signers(value)) signers.set(signer.key, signer);
  if (fee?.payer !== undefined && isAddress(fee.payer)) signers.set(fee.payer.key, fee.payer);
  return [...signers.values()];
}

function shorten(text: string): string {
  return text.slice(0, 100);
}
