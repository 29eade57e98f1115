import { MsgSend } from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import { PubKey } from 'cosmjs-types/cosmos/crypto/secp256k1/keys';
import { AuthInfo, Fee, SignDoc, SignerInfo, TxBody, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import type { Any } from 'cosmjs-types/google/protobuf/any';
import { type Address, AddressBook } from '#app/address.ts';
import { encodeMessage } from '#app/codec/exact-writer.ts';
import type { BlockExecution } from '#app/contract.ts';
import type { GasPrice } from '#app/gas-price.ts';
import { Ledger } from '#app/ledger.ts';
import { accountAddress } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { secp256k1PublicKey, signSecp256k1 } from '#crypto/secp256k1.ts';
import { InlineVerifier, type Verifier } from '#crypto/verifier.ts';
import type { ChangeSet, StateReader, StateView, StoreName, StoreRange } from '#state/store.ts';
import type { Genesis } from '#types/genesis.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { compareBytes, fromLatin1, toLatin1 } from '#util/bytes.ts';

export const CHAIN_ID = 'test-1';
export const DENOM = 'ubizra';
export const PREFIX = 'bizra';
export const GENESIS_TIME = 1_700_000_000_000_000_000n;

/** Committed state as plain maps: what the ledger needs of one, and nothing else. */
export class MemoryState implements StateReader {
  height = 0;
  reads = 0;
  readonly stores = new Map<StoreName, Map<string, Uint8Array>>();

  get(store: StoreName, key: Uint8Array): Uint8Array | undefined {
    this.reads++;
    return this.stores.get(store)?.get(toLatin1(key));
  }

  apply(changes: ChangeSet, height: number): void {
    for (const [store, changed] of changes) {
      const records = this.stores.get(store) ?? new Map<string, Uint8Array>();
      this.stores.set(store, records);
      for (const [key, value] of changed) {
        if (value === undefined) records.delete(key);
        else records.set(key, value);
      }
    }
    this.height = height;
  }

  view(): StateView {
    const { stores, height } = this;
    return {
      height,
      get: async (store, key) => stores.get(store)?.get(toLatin1(key)),
      iterate: (store, range) => walk(stores.get(store) ?? new Map(), range),
      release: async () => undefined,
    };
  }
}

async function* walk(
  records: ReadonlyMap<string, Uint8Array>,
  { prefix, start, reverse = false, limit }: StoreRange,
): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
  const text = toLatin1(prefix);
  const keys = [...records.keys()].filter((key) => key.startsWith(text)).map((key) => fromLatin1(key));
  keys.sort((a, b) => (reverse ? compareBytes(b, a) : compareBytes(a, b)));
  let given = 0;
  for (const key of keys) {
    if (start !== undefined && (reverse ? compareBytes(key, start) > 0 : compareBytes(key, start) < 0)) continue;
    if (given++ === limit) return;
    yield [key, records.get(toLatin1(key)) as Uint8Array];
  }
}

export interface Wallet {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly address: Address;
  readonly text: string;
}

export function wallet(name: string, prefix = PREFIX): Wallet {
  const privateKey = sha256(new TextEncoder().encode(name));
  const publicKey = secp256k1PublicKey(privateKey);
  const address = new AddressBook(prefix).ofBytes(accountAddress(publicKey));
  return { privateKey, publicKey, address, text: address.text };
}

export function genesisOf(
  balances: readonly { readonly address: string; readonly amount: bigint; readonly denom?: string }[],
  more: { readonly maxGas?: number; readonly appState?: Record<string, unknown> } = {},
): Genesis {
  const chain = { bech32Prefix: PREFIX, baseDenom: DENOM, blockIntervalMinMs: 0, emptyBlockIntervalMs: 1000 };
  const consensusParams = {
    ...DEFAULT_CONSENSUS_PARAMS,
    block: { ...DEFAULT_CONSENSUS_PARAMS.block, maxGas: more.maxGas ?? -1 },
  };
  return {
    genesisTime: GENESIS_TIME,
    chainId: CHAIN_ID,
    initialHeight: 1,
    consensusParams,
    validators: [],
    appHash: new Uint8Array(0),
    chain,
    appState: {
      bank: {
        balances: balances.map(({ address, amount, denom = DENOM }) => ({
          address,
          coins: [{ denom, amount: String(amount) }],
        })),
      },
      ...more.appState,
    },
    hash: new Uint8Array(32),
  };
}

export interface TestChain {
  readonly state: MemoryState;
  readonly ledger: Ledger;
  /** Executes a block, applies it, and makes the pending state follow. */
  block(txs: readonly Uint8Array[]): Promise<BlockExecution>;
}

export function chainOf(
  genesis: Genesis,
  options: { readonly verifier?: Verifier; readonly minGasPrice?: GasPrice } = {},
): TestChain {
  const state = new MemoryState();
  const { verifier = new InlineVerifier(), minGasPrice } = options;
  const ledger = new Ledger(
    { verifier, state },
    {
      chainId: genesis.chainId,
      bech32Prefix: genesis.chain.bech32Prefix,
      baseDenom: genesis.chain.baseDenom,
      ...(minGasPrice === undefined ? {} : { minGasPrice }),
    },
  );
  state.apply(ledger.initGenesis(genesis).changes, genesis.initialHeight - 1);
  return {
    state,
    ledger,
    block: async (txs) => {
      const execution = await ledger.execute(blockRequest(state.height + 1, txs));
      state.apply(execution.changes, state.height + 1);
      ledger.resetPending();
      return execution;
    },
  };
}

/** The validator of every chain that these tests make. */
export const VALIDATORS = ValidatorSet.create([
  { pubKey: { type: 'ed25519', bytes: new Uint8Array(32).fill(1) }, votingPower: 10n },
]);

export function blockRequest(height: number, txs: readonly Uint8Array[]): Parameters<Ledger['execute']>[0] {
  return {
    height,
    time: GENESIS_TIME + BigInt(height) * 1_000_000_000n,
    proposerAddress: new Uint8Array(20),
    txs,
    lastCommit: {
      height: height - 1,
      round: 0,
      blockId: { hash: new Uint8Array(0), partSetHeader: { total: 0, hash: new Uint8Array(0) } },
      signatures: [],
    },
    lastValidators: undefined,
    nextValidators: VALIDATORS,
    misbehavior: [],
  };
}

export function send(from: string, to: string, amount: bigint | string, denom = DENOM): Any {
  return {
    typeUrl: '/cosmos.bank.v1beta1.MsgSend',
    value: MsgSend.encode({ fromAddress: from, toAddress: to, amount: [{ denom, amount: String(amount) }] }).finish(),
  };
}

export interface TxInput {
  readonly messages: Any[];
  /** Signers with their sequence and account number. */
  readonly signers: readonly { readonly wallet: Wallet; readonly sequence: bigint; readonly accountNumber: bigint }[];
  readonly memo?: string;
  readonly timeoutHeight?: bigint;
  readonly fee?: Partial<Fee>;
  readonly chainId?: string;
  readonly mode?: number;
  /** Leaves the keys out. */
  readonly withoutKeys?: boolean;
  readonly signature?: Uint8Array;
}

export function pubKeyAny(key: Uint8Array): Any {
  return { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: PubKey.encode({ key }).finish() };
}

/** A transaction as wallets make it, encoded by cosmjs-types. */
export function buildTx(input: TxInput): Uint8Array {
  const bodyBytes = encodeMessage(
    TxBody,
    TxBody.fromPartial({
      messages: input.messages,
      memo: input.memo ?? '',
      timeoutHeight: input.timeoutHeight ?? 0n,
    }),
  );
  const signerInfos = input.signers.map(({ wallet, sequence }) =>
    SignerInfo.fromPartial({
      ...(input.withoutKeys === true ? {} : { publicKey: pubKeyAny(wallet.publicKey) }),
      modeInfo: { single: { mode: input.mode ?? 1 } },
      sequence,
    }),
  );
  const fee = Fee.fromPartial({ gasLimit: 200_000n, ...input.fee });
  const authInfoBytes = encodeMessage(AuthInfo, AuthInfo.fromPartial({ signerInfos, fee }));
  const signatures = input.signers.map(({ wallet, accountNumber }) => {
    if (input.signature !== undefined) return input.signature;
    const doc = SignDoc.encode({ bodyBytes, authInfoBytes, chainId: input.chainId ?? CHAIN_ID, accountNumber });
    return signSecp256k1(wallet.privateKey, sha256(doc.finish()));
  });
  return TxRaw.encode({ bodyBytes, authInfoBytes, signatures }).finish();
}
