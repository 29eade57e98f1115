import type { Address, InvalidAddress } from './address.ts';
import type { Coin } from './coins.ts';
import type { Refusal } from './errors.ts';
import type { DecodedMessage } from './message.ts';

/** How a signer signed, by the SDK's numbers. */
export const SIGN_MODE_UNSPECIFIED = 0;
export const SIGN_MODE_DIRECT = 1;

export interface SignerInfo {
  /** 33 bytes, when the transaction carries the key. */
  readonly pubKey: Uint8Array | undefined;
  /** Undefined when the transaction does not say. */
  readonly mode: number | undefined;
  readonly sequence: bigint;
}

export interface Fee {
  readonly amount: readonly Coin[];
  readonly gasLimit: bigint;
  /** Undefined: the first signer pays. */
  readonly payer: Address | InvalidAddress | undefined;
  readonly granter: string;
}

/** A signature that was checked: never trusted unless all of it equals what state asks for now (design decision 5). */
export interface CheckedSignature {
  readonly pubKey: Uint8Array;
  /** What the sign bytes hold besides the transaction's own bytes and the chain id. */
  readonly accountNumber: bigint;
  readonly valid: boolean;
}

/** What the decoder read. */
export interface TxFields {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly bodyBytes: Uint8Array;
  readonly authInfoBytes: Uint8Array;
  readonly messages: readonly DecodedMessage[];
  readonly memo: string;
  readonly timeoutHeight: bigint;
  readonly signerInfos: readonly SignerInfo[];
  readonly fee: Fee | undefined;
  readonly signatures: readonly Uint8Array[];
}

/** A transaction, decoded once and executed from this object. Nothing in it changes but what was verified. */
export class DecodedTx implements TxFields {
  /** Nobody changes them: the transaction's own copy, or those of a block that keeps it. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`. */
  readonly hash: Uint8Array;
  readonly bodyBytes: Uint8Array;
  readonly authInfoBytes: Uint8Array;
  readonly messages: readonly DecodedMessage[];
  readonly memo: string;
  readonly timeoutHeight: bigint;
  readonly signerInfos: readonly SignerInfo[];
  readonly fee: Fee | undefined;
  readonly signatures: readonly Uint8Array[];
  /** Required signers in order: of the messages, then the fee payer. Empty when a message is refused without state. */
  readonly signers: readonly Address[];
  /** The first fault of a message that shows without state. */
  readonly messageFault: Refusal | undefined;
  /** By signer; of the very length, since a list that grows has room for sixteen more. */
  private readonly checked: (CheckedSignature | undefined)[];

  constructor(fields: TxFields, signers: readonly Address[], messageFault: Refusal | undefined) {
    this.bytes = fields.bytes;
    this.hash = fields.hash;
    this.bodyBytes = fields.bodyBytes;
    this.authInfoBytes = fields.authInfoBytes;
    this.messages = fields.messages;
    this.memo = fields.memo;
    this.timeoutHeight = fields.timeoutHeight;
    this.signerInfos = fields.signerInfos;
    this.fee = fields.fee;
    this.signatures = fields.signatures;
    this.signers = signers;
    this.messageFault = messageFault;
    this.checked = new Array<CheckedSignature | undefined>(signers.length).fill(undefined);
  }

  get gasWanted(): bigint {
    return this.fee?.gasLimit ?? 0n;
  }

  /** Amount offered as fee, canonical or not. */
  get feeAmount(): readonly Coin[] {
    return this.fee?.amount ?? [];
  }

  /** Sequence of each signer, in the order of `signers`. */
  get sequences(): readonly bigint[] {
    return this.signerInfos.map((info) => info.sequence);
  }

  /** What is remembered of signer `index`'s signature. */
  checkedSignature(index: number): CheckedSignature | undefined {
    return this.checked[index];
  }

  rememberSignature(index: number, checked: CheckedSignature): void {
    this.checked[index] = checked;
  }
}
