import { MsgSend } from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import { PubKey } from 'cosmjs-types/cosmos/crypto/secp256k1/keys';
import { SignMode } from 'cosmjs-types/cosmos/tx/signing/v1beta1/signing';
import { AuthInfo, SignDoc, TxBody, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import { encodeMessage } from '#app/codec/exact-writer.ts';
import { sha256 } from '#crypto/hash.ts';
import { signSecp256k1 } from '#crypto/secp256k1.ts';
import type { AccountKey } from './account-key.ts';
import { usageError } from './errors.ts';

/** A message with its type, packed. */
export interface PackedMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export interface Coin {
  readonly denom: string;
  /** Decimal digits. */
  readonly amount: string;
}

/** Whom a transaction is from, in the chain's eyes. */
export interface SignerData {
  readonly chainId: string;
  readonly accountNumber: bigint;
  readonly sequence: bigint;
}

export interface TxContent {
  readonly messages: readonly PackedMessage[];
  readonly fee: readonly Coin[];
  readonly gasLimit: bigint;
  readonly memo?: string;
  /** 0 or absent: never expires. */
  readonly timeoutHeight?: bigint;
}

const DENOM = '[a-zA-Z][a-zA-Z0-9/:._-]{2,127}';

/** `1000ubizra`. Throws `usage`. */
export function parseCoin(text: string): Coin {
  const match = new RegExp(`^(\\d{1,78})(${DENOM})$`).exec(text.trim());
  if (match?.[1] === undefined || match[2] === undefined || /^0+$/.test(match[1])) {
    throw usageError(
      `amount "${text.slice(0, 80)}" is not accepted; write a number above 0 and a denomination, like 1000ubizra`,
    );
  }
  return { amount: BigInt(match[1]).toString(), denom: match[2] };
}

/** Fee for `gasLimit` at a price such as `0.025ubizra`, rounded up as validators demand. Throws `usage`. */
export function feeOf(gasLimit: bigint, gasPrice: string): Coin[] {
  if (gasPrice === '') return [];
  const match = new RegExp(`^(\\d{1,30})(?:\\.(\\d{1,18}))?(${DENOM})$`).exec(gasPrice);
  if (match === null)
    throw usageError(`gas price "${gasPrice.slice(0, 80)}" is not accepted; write it like 0.025ubizra`);
  const decimals = match[2] ?? '';
  const scale = 10n ** BigInt(decimals.length);
  const amount = (gasLimit * BigInt((match[1] as string) + decimals) + scale - 1n) / scale;
  return amount === 0n ? [] : [{ denom: match[3] as string, amount: amount.toString() }];
}

export function sendMessage(from: string, to: string, amount: readonly Coin[]): PackedMessage {
  const message = MsgSend.fromPartial({
    fromAddress: from,
    toAddress: to,
    amount: amount.map((coin) => ({ ...coin })),
  });
  return { typeUrl: MsgSend.typeUrl, value: encodeMessage(MsgSend, message) };
}

export function encodeBody(content: TxContent): Uint8Array {
  return encodeMessage(
    TxBody,
    TxBody.fromPartial({
      messages: content.messages.map(({ typeUrl, value }) => ({ typeUrl, value })),
      memo: content.memo ?? '',
      timeoutHeight: content.timeoutHeight ?? 0n,
    }),
  );
}

function encodeAuthInfo(publicKey: Uint8Array, sequence: bigint, content: TxContent): Uint8Array {
  const key = { typeUrl: PubKey.typeUrl, value: encodeMessage(PubKey, { key: publicKey }) };
  return encodeMessage(
    AuthInfo,
    AuthInfo.fromPartial({
      signerInfos: [{ publicKey: key, modeInfo: { single: { mode: SignMode.SIGN_MODE_DIRECT } }, sequence }],
      fee: { amount: content.fee.map((coin) => ({ ...coin })), gasLimit: content.gasLimit },
    }),
  );
}

/** A signed transaction (`TxRaw` bytes), SIGN_MODE_DIRECT. `bodyBytes` saves encoding the same body again. */
export function signTx(
  key: AccountKey,
  signer: SignerData,
  content: TxContent,
  bodyBytes: Uint8Array = encodeBody(content),
): Uint8Array {
  const authInfoBytes = encodeAuthInfo(key.publicKey, signer.sequence, content);
  const { chainId, accountNumber } = signer;
  const document = encodeMessage(SignDoc, { bodyBytes, authInfoBytes, chainId, accountNumber });
  const signature = signSecp256k1(key.privateKey, sha256(document));
  return encodeMessage(TxRaw, { bodyBytes, authInfoBytes, signatures: [signature] });
}

/** The transaction with an empty signature, for Simulate. */
export function unsignedTx(publicKey: Uint8Array, sequence: bigint, content: TxContent): Uint8Array {
  const authInfoBytes = encodeAuthInfo(publicKey, sequence, content);
  return encodeMessage(TxRaw, { bodyBytes: encodeBody(content), authInfoBytes, signatures: [new Uint8Array(0)] });
}
