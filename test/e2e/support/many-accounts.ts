import { MsgMultiSend } from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import { encodeMessage } from '#app/codec/exact-writer.ts';
import { DEFAULT_DENOM, DEFAULT_PREFIX } from '#cli/genesis-builder.ts';
import { GAS_PRICE_AMOUNT } from '#cli/network-builder.ts';
import { RpcClient } from '#cli/rpc-client.ts';
import { readAccount } from '#cli/submitter.ts';
import { feeOf, signTx } from '#cli/tx-builder.ts';
import { accountAddress, encodeBech32 } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { secp256k1PublicKey } from '#crypto/secp256k1.ts';
import { toHex } from '#util/bytes.ts';
import { call, until } from './rpc.ts';

const ADDRESS_BYTES = 20;
const RECIPIENTS = 1_000;
const AMOUNT = 1_000;
/** More than a thousand new accounts cost. */
const GAS_LIMIT = 200_000_000n;
/** Transactions on their way: some blocks' worth. */
const AHEAD = 16;
const COMMITTED_WITHIN_MS = 300_000;

/** One that pays, whose key is the same in every run. */
export function payer(): { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array; readonly text: string } {
  const privateKey = sha256(new TextEncoder().encode('payer of many'));
  const publicKey = secp256k1PublicKey(privateKey);
  return { privateKey, publicKey, text: encodeBech32(DEFAULT_PREFIX, accountAddress(publicKey)) };
}

/** Makes accounts by transactions of a thousand recipients each, so that executing the blocks has the work, too. */
export async function makeAccounts(rpc: string, chainId: string, count: number): Promise<void> {
  const from = payer();
  const key = { ...from, address: accountAddress(from.publicKey) };
  const { accountNumber, sequence } = await readAccount(new RpcClient(rpc), from.text);
  const hashes: string[] = [];
  for (let made = 0; made < count; made += RECIPIENTS) {
    const messages = [multiSend(from.text, made, Math.min(RECIPIENTS, count - made))];
    const signer = { chainId, accountNumber, sequence: sequence + BigInt(hashes.length) };
    const fee = feeOf(GAS_LIMIT, GAS_PRICE_AMOUNT + DEFAULT_DENOM);
    const tx = signTx(key, signer, { messages, fee, gasLimit: GAS_LIMIT });
    const oldest = hashes[hashes.length - AHEAD];
    if (oldest !== undefined) await committed(rpc, oldest);
    const answer = await call<{ code: number; log: string; hash: string }>(rpc, 'broadcast_tx_sync', {
      tx: Buffer.from(tx).toString('base64'),
    });
    if (answer.code !== 0) throw new Error(`a payment was refused: ${answer.log}`);
    hashes.push(toHex(sha256(tx)));
  }
  for (const hash of hashes.slice(-AHEAD)) await committed(rpc, hash);
}

async function committed(rpc: string, hash: string): Promise<void> {
  const params = { hash: Buffer.from(hash, 'hex').toString('base64') };
  let code = -1;
  const look = async (): Promise<boolean> => {
    const { tx_result } = await call<{ tx_result: { code: number } }>(rpc, 'tx', params);
    code = tx_result.code;
    return true;
  };
  await until('a payment is in a block', look, COMMITTED_WITHIN_MS);
  if (code !== 0) throw new Error(`a payment failed with code ${code}`);
}

function multiSend(from: string, first: number, count: number): { typeUrl: string; value: Uint8Array } {
  const coins = (amount: number) => [{ denom: DEFAULT_DENOM, amount: String(amount) }];
  const message = MsgMultiSend.fromPartial({
    inputs: [{ address: from, coins: coins(AMOUNT * count) }],
    outputs: Array.from({ length: count }, (_, i) => ({ address: recipient(first + i), coins: coins(AMOUNT) })),
  });
  return { typeUrl: MsgMultiSend.typeUrl, value: encodeMessage(MsgMultiSend, message) };
}

function recipient(index: number): string {
  const hash = sha256(new TextEncoder().encode(`recipient ${index}`));
  return encodeBech32(DEFAULT_PREFIX, hash.subarray(0, ADDRESS_BYTES));
}
