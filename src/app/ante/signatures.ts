import { accountAddress } from '#crypto/address.ts';
import type { VerifyItem } from '#crypto/verifier.ts';
import type { ByteSlabs } from '#util/byte-slabs.ts';
import { EMPTY_BYTES, equalBytes, toLatin1 } from '#util/bytes.ts';
import type { Address } from '../address.ts';
import { toBase64 } from '../codec/text.ts';
import type { TxContext } from '../context.ts';
import { Refusal, SDK_ERRORS } from '../errors.ts';
import { attribute } from '../events.ts';
import { type Account, copyAccount } from '../modules/auth/account.ts';
import type { AuthParams } from '../modules/auth/params.ts';
import type { AuthState } from '../modules/auth/state.ts';
import { directSignBytes } from '../sign-doc.ts';
import { type DecodedTx, SIGN_MODE_DIRECT } from '../tx.ts';

/** Stands for the key that a simulation leaves out: the same length, so the same gas. */
const PLACEHOLDER_KEY = new Uint8Array(33).fill(2);

/** Names of modes that other chains accept, for the refusal. */
const MODE_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'SIGN_MODE_UNSPECIFIED'],
  [2, 'SIGN_MODE_TEXTUAL'],
  [3, 'SIGN_MODE_DIRECT_AUX'],
  [127, 'SIGN_MODE_LEGACY_AMINO_JSON'],
  [191, 'SIGN_MODE_EIP_191'],
]);

/** What to verify, and the account number that its sign bytes hold. */
export interface SignatureItem extends VerifyItem {
  readonly accountNumber: bigint;
}

/** Thrown where a signature has not been checked yet; whoever runs the transaction has it checked and runs it again. */
export class UncheckedSignature {
  readonly index: number;
  readonly item: SignatureItem;

  constructor(index: number, item: SignatureItem) {
    this.index = index;
    this.item = item;
  }
}

export interface SignatureParts {
  readonly auth: AuthState;
  readonly chainId: string;
  readonly chainIdBytes: Uint8Array;
  /** Where sign bytes are put together. */
  readonly signBytes: ByteSlabs;
  /** For tests of the checkers only: transactions that are believed by their hash. */
  readonly believed?: Set<string> | undefined;
}

/** Keys, counts, gas, sequences and signatures of all signers; then raises their sequences. */
export function authenticate(
  parts: SignatureParts,
  context: TxContext,
  tx: DecodedTx,
  params: AuthParams,
  payer: Account,
): void {
  const { signers } = tx;
  const keyed = signers.map((signer, i) => withKey(context, tx, i, loadSigner(parts.auth, context, signer, payer)));
  if (context.recordsEvents) emitSignatures(context, tx);
  if (keyed.length > params.txSigLimit) {
    throw new Refusal(SDK_ERRORS.tooManySignatures, `signatures: ${keyed.length}, limit: ${params.txSigLimit}`);
  }
  context.gas.consume(params.sigVerifyCostSecp256k1 * keyed.length, 'ante verify: secp256k1');
  const checksSignatures = context.mode === 'check' || context.mode === 'execute';
  for (let i = 0; i < keyed.length; i++) {
    checkSequence(context, tx, i, keyed[i] as Account);
    if (checksSignatures) checkSignature(parts, tx, i, keyed[i] as Account);
  }
  for (const account of keyed) {
    parts.auth.setAccount(context, copyAccount(account, account.pubKey, account.sequence + 1n));
  }
}

function loadSigner(auth: AuthState, context: TxContext, signer: Address, payer: Account): Account {
  if (signer.key === payer.address.key) return payer;
  const account = auth.getAccount(context, signer);
  if (account === undefined) throw new Refusal(SDK_ERRORS.unknownAddress, `account ${signer.text} does not exist`);
  return account;
}

/** The account with the key that its signature must fit: its own, or the one that the transaction brings. */
function withKey(context: TxContext, tx: DecodedTx, index: number, account: Account): Account {
  const brought = tx.signerInfos[index]?.pubKey;
  if (account.pubKey !== undefined) {
    if (brought === undefined || equalBytes(brought, account.pubKey)) return account;
    throw foreignKey(account, index);
  }
  if (context.mode === 'simulate') return copyAccount(account, brought ?? PLACEHOLDER_KEY, account.sequence);
  if (brought === undefined) throw new Refusal(SDK_ERRORS.invalidPubKey, 'pubkey on account is not set');
  if (!equalBytes(accountAddress(brought), account.address.bytes)) throw foreignKey(account, index);
  // A copy: the transaction's bytes must not live as long as the account.
  return copyAccount(account, brought.slice(), account.sequence);
}

function foreignKey(account: Account, index: number): Refusal {
  const details = `pubKey does not match signer address ${account.address.text} with signer index: ${index}`;
  return new Refusal(SDK_ERRORS.invalidPubKey, details);
}

function checkSequence(context: TxContext, tx: DecodedTx, index: number, account: Account): void {
  const info = tx.signerInfos[index];
  if (info === undefined && context.mode === 'simulate') return;
  if (info?.sequence === account.sequence) return;
  throw wrongSequence(account.sequence, info?.sequence ?? 0n);
}

export function wrongSequence(expected: bigint, got: bigint): Refusal {
  return new Refusal(SDK_ERRORS.wrongSequence, `account sequence mismatch, expected ${expected}, got ${got}`);
}

/**
 * What is remembered counts only for the sign bytes that state asks for now (design decision 5). They consist of the
 * transaction's own bytes, the chain id, which never changes, and the account number: comparing that compares them.
 */
function checkSignature(parts: SignatureParts, tx: DecodedTx, index: number, account: Account): void {
  checkMode(tx.signerInfos[index]?.mode);
  if (parts.believed?.has(toLatin1(tx.hash)) === true) return;
  const checked = tx.checkedSignature(index);
  if (
    checked === undefined ||
    checked.accountNumber !== account.accountNumber ||
    !equalBytes(checked.pubKey, account.pubKey as Uint8Array)
  ) {
    throw new UncheckedSignature(index, signatureItem(parts, tx, index, account));
  }
  if (!checked.valid) throw badSignature(parts.chainId, account);
}

/** What to verify of signer `index`, whose account has a key. */
export function signatureItem(parts: SignatureParts, tx: DecodedTx, index: number, account: Account): SignatureItem {
  const message = directSignBytes(tx, parts.chainIdBytes, account.accountNumber, parts.signBytes);
  return {
    type: 'secp256k1',
    publicKey: account.pubKey as Uint8Array,
    message,
    accountNumber: account.accountNumber,
    signature: tx.signatures[index] as Uint8Array,
  };
}

export function badSignature(chainId: string, account: Account): Refusal {
  return new Refusal(
    SDK_ERRORS.unauthorized,
    `signature verification failed; please verify account number (${account.accountNumber}) and chain-id ` +
      `(${chainId}): (unable to verify single signer signature)`,
  );
}

export function checkMode(mode: number | undefined): void {
  if (mode === SIGN_MODE_DIRECT) return;
  const name = MODE_NAMES.get(mode ?? 0) ?? `sign mode ${mode}`;
  throw new Refusal(SDK_ERRORS.notSupported, `${name} is not supported; sign with SIGN_MODE_DIRECT`);
}

function emitSignatures(context: TxContext, tx: DecodedTx): void {
  tx.signerInfos.forEach((info, i) => {
    context.emit('tx', [attribute('acc_seq', `${(tx.signers[i] as Address).text}/${info.sequence}`)]);
    context.emit('tx', [attribute('signature', toBase64(tx.signatures[i] ?? EMPTY_BYTES))]);
  });
}
