import { DirectSecp256k1HdWallet, type OfflineDirectSigner } from '@cosmjs/proto-signing';
import { GasPrice, SigningStargateClient } from '@cosmjs/stargate';
import { TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import type { Ready } from './devnet.ts';

const BROADCAST_POLL_MS = 100;
const TRANSFER_GAS = '150000';
const TRANSFER_FEE = '5000';

export interface Wallet {
  readonly client: SigningStargateClient;
  readonly signer: OfflineDirectSigner;
  readonly address: string;
}

/** A devnet account in cosmjs's hands. */
export async function openWallet(ready: Ready, account: number, rpc: string): Promise<Wallet> {
  const mnemonic = ready.accounts[account]?.mnemonic ?? '';
  const signer = await DirectSecp256k1HdWallet.fromMnemonic(mnemonic, { prefix: ready.prefix });
  const client = await SigningStargateClient.connectWithSigner(rpc, signer, {
    gasPrice: GasPrice.fromString(ready.gas_price),
    broadcastPollIntervalMs: BROADCAST_POLL_MS,
  });
  const [first] = await signer.getAccounts();
  return { client, signer, address: first?.address ?? '' };
}

export function sendMessage(fromAddress: string, toAddress: string, amount: string, denom: string) {
  return { typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: { fromAddress, toAddress, amount: [{ denom, amount }] } };
}

/** A signed transfer of one unit. */
export async function signTransfer(wallet: Wallet, to: string, denom: string, sequence?: number): Promise<Uint8Array> {
  const account = await wallet.client.getSequence(wallet.address);
  const tx = await wallet.client.sign(
    wallet.address,
    [sendMessage(wallet.address, to, '1', denom)],
    { amount: [{ denom, amount: TRANSFER_FEE }], gas: TRANSFER_GAS },
    '',
    {
      accountNumber: account.accountNumber,
      sequence: sequence ?? account.sequence,
      chainId: await wallet.client.getChainId(),
    },
  );
  return TxRaw.encode(tx).finish();
}
