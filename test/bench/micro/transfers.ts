import { Ledger } from '#app/ledger.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { State } from '#state/state.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { buildTx, CHAIN_ID, DENOM, genesisOf, PREFIX, send, wallet } from '../../unit/app/support.ts';

const ACCOUNTS = 200;
const GAS_LIMIT = 100_000n;
const FEE = '2500';

/** A ledger on a real state whose rows are in memory, and a block of signed transfers for it. */
export interface Transfers {
  readonly kv: MemoryKeyValue;
  readonly state: State;
  readonly ledger: Ledger;
  readonly txs: readonly Uint8Array[];
}

export async function makeTransfers(count: number): Promise<Transfers> {
  const wallets = Array.from({ length: ACCOUNTS }, (_, index) => wallet(`bench ${index}`));
  const accounts = wallets.map(({ text }, index) => ({
    '@type': '/cosmos.auth.v1beta1.BaseAccount',
    address: text,
    pub_key: null,
    account_number: String(index),
    sequence: '0',
  }));
  const genesis = genesisOf(
    wallets.map(({ text }) => ({ address: text, amount: 1_000_000_000_000n })),
    { appState: { auth: { accounts } } },
  );
  const kv = new MemoryKeyValue();
  const options = { chainId: CHAIN_ID, bech32Prefix: PREFIX, baseDenom: DENOM };
  const { changes } = new Ledger({ verifier: new InlineVerifier(), state: EMPTY_STATE }, options).initGenesis(genesis);
  const state = await State.initialize(kv, [...changes.keys()], changes, 0);
  const ledger = new Ledger({ verifier: new InlineVerifier(), state }, options);
  const txs = Array.from({ length: count }, (_, index) => {
    const from = index % ACCOUNTS;
    const sender = wallets[from] as (typeof wallets)[number];
    const receiver = wallets[(from + 1) % ACCOUNTS] as (typeof wallets)[number];
    const sequence = BigInt(Math.floor(index / ACCOUNTS));
    return buildTx({
      messages: [send(sender.text, receiver.text, 1n)],
      signers: [{ wallet: sender, sequence, accountNumber: BigInt(from) }],
      fee: { amount: [{ denom: DENOM, amount: FEE }], gasLimit: GAS_LIMIT },
    });
  });
  return { kv, state, ledger, txs };
}

/** Genesis is made before there is a state. */
const EMPTY_STATE = { height: 0, get: () => undefined };
