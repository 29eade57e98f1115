import { setTimeout as delay } from 'node:timers/promises';
import { BaseAccount } from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import { QueryAccountRequest, QueryAccountResponse } from 'cosmjs-types/cosmos/auth/v1beta1/query';
import { SimulateRequest, SimulateResponse } from 'cosmjs-types/cosmos/tx/v1beta1/service';
import { sha256 } from '#crypto/hash.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { type AccountKey, addressText } from './account-key.ts';
import { type CliErrorCode, failure } from './errors.ts';
import { numberAt, textAt } from './json-shape.ts';
import type { RpcClient } from './rpc-client.ts';
import { feeOf, type PackedMessage, type SignerData, signTx, unsignedTx } from './tx-builder.ts';

/** Codes of the SDK. */
const CODE_KEY_NOT_FOUND = 22;
/** Percent of the simulated gas: what cosmjs adds, because another block may cost a little more. */
const GAS_ADJUSTMENT_PERCENT = 140n;
/** Milliseconds between looks for a submitted transaction. */
const POLL_MS = 100;
/** Milliseconds after which a transaction is reported as not committed. */
const COMMIT_TIMEOUT_MS = 60_000;

export interface SubmitOptions {
  readonly prefix: string;
  readonly memo: string;
  /** `0.025ubizra`, or empty for no fee. */
  readonly gasPrice: string;
  /** Absent: simulated first. */
  readonly gasLimit?: bigint;
  readonly timeoutHeight?: bigint;
  /** False: return once a node has taken it. */
  readonly waitForCommit: boolean;
}

export interface SubmitResult {
  readonly hash: string;
  /** Absent when nobody waited for it. */
  readonly height?: number;
  readonly code: number;
  readonly log: string;
  readonly gasUsed?: bigint;
}

/** Number and sequence of an account. Throws `failed` when it does not exist yet. */
export async function readAccount(client: RpcClient, address: string): Promise<BaseAccount> {
  const request = QueryAccountRequest.encode({ address }).finish();
  const answer = await client.abciQuery('/cosmos.auth.v1beta1.Query/Account', request);
  if (answer.code === CODE_KEY_NOT_FOUND) {
    throw failure(`account ${address} does not exist on this chain; it begins to when it first receives money`);
  }
  if (answer.code !== 0) throw failure(`the node refused to read account ${address}: ${answer.log}`);
  const { account } = QueryAccountResponse.decode(answer.value);
  if (account?.typeUrl !== BaseAccount.typeUrl) throw failure(`account ${address} is not a plain account`);
  return BaseAccount.decode(account.value);
}

async function simulateGas(client: RpcClient, txBytes: Uint8Array): Promise<bigint> {
  const request = SimulateRequest.encode(SimulateRequest.fromPartial({ txBytes })).finish();
  const answer = await client.abciQuery('/cosmos.tx.v1beta1.Service/Simulate', request);
  if (answer.code !== 0) throw new BizraError<CliErrorCode>('refused', `the transaction would fail: ${answer.log}`);
  const used = SimulateResponse.decode(answer.value).gasInfo?.gasUsed ?? 0n;
  return (used * GAS_ADJUSTMENT_PERCENT + 99n) / 100n;
}

async function waitForCommit(client: RpcClient, hash: Uint8Array): Promise<SubmitResult> {
  const deadline = Date.now() + COMMIT_TIMEOUT_MS;
  for (;;) {
    try {
      const answer = await client.call('tx', { hash: Buffer.from(hash).toString('base64'), prove: false });
      return {
        hash: textAt(answer, 'hash'),
        height: numberAt(answer, 'height'),
        code: numberAt(answer, 'tx_result.code'),
        log: textAt(answer, 'tx_result.log'),
        gasUsed: BigInt(textAt(answer, 'tx_result.gas_used')),
      };
    } catch (error) {
      if (!(error instanceof BizraError) || !/not found/.test(error.message)) throw error;
    }
    if (Date.now() > deadline) {
      const text = toHex(hash).toUpperCase();
      throw failure(
        `transaction ${text} was taken but not committed within ${COMMIT_TIMEOUT_MS / 1_000} s; look later: bizra-node query tx ${text}`,
      );
    }
    await delay(POLL_MS);
  }
}

/** Signs messages with a key and brings them to the chain. Throws `refused` with the node's words. */
export async function submit(
  client: RpcClient,
  key: AccountKey,
  messages: readonly PackedMessage[],
  options: SubmitOptions,
): Promise<SubmitResult> {
  const address = addressText(options.prefix, key.address);
  const [chainId, account] = await Promise.all([client.chainId(), readAccount(client, address)]);
  const signer: SignerData = { chainId, accountNumber: account.accountNumber, sequence: account.sequence };
  const content = { messages, memo: options.memo, timeoutHeight: options.timeoutHeight ?? 0n };
  const gasLimit =
    options.gasLimit ??
    (await simulateGas(client, unsignedTx(key.publicKey, signer.sequence, { ...content, fee: [], gasLimit: 0n })));
  const tx = signTx(key, signer, { ...content, gasLimit, fee: feeOf(gasLimit, options.gasPrice) });
  const answer = await client.call('broadcast_tx_sync', { tx: Buffer.from(tx).toString('base64') });
  const code = numberAt(answer, 'code');
  if (code !== 0) {
    throw new BizraError<CliErrorCode>(
      'refused',
      `the node refused the transaction (code ${code}): ${textAt(answer, 'log')}`,
    );
  }
  const hash = sha256(tx);
  if (!options.waitForCommit) return { hash: toHex(hash).toUpperCase(), code, log: '' };
  return waitForCommit(client, hash);
}
