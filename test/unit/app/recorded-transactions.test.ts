import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { BaseAccount } from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import { Any } from 'cosmjs-types/google/protobuf/any';
import { AddressBook } from '#app/address.ts';
import { Ledger } from '#app/ledger.ts';
import { directSignBytes } from '#app/sign-doc.ts';
import type { DecodedTx } from '#app/tx.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import { toHex } from '#util/bytes.ts';
import { blockRequest, genesisOf, MemoryState } from './support.ts';

/** The chain that test/vectors/data/README.md describes: real transactions, and what the Go stack made of them. */
const DIRECTORY = new URL('../../vectors/data/cometbft-0.38.26/', import.meta.url);
const CHAIN_ID = 'bench-1';

function lines(name: string): Record<string, never>[] {
  const text = readFileSync(new URL(name, DIRECTORY), 'utf8').trim();
  return text.split('\n').map((line) => {
    const value = JSON.parse(line);
    return value.result ?? value;
  });
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function ledgerOf(state: MemoryState): Ledger {
  return new Ledger(
    { verifier: new InlineVerifier(), state },
    { chainId: CHAIN_ID, bech32Prefix: 'cosmos', baseDenom: 'stake' },
  );
}

interface Recorded {
  readonly height: number;
  readonly bytes: Uint8Array;
  readonly result: {
    readonly code: number;
    readonly log: string;
    readonly data: string | null;
    readonly events: LedgerEvent[];
  };
}

function recorded(): Recorded[] {
  const results = lines('block_results.jsonl') as unknown as { txs_results: Recorded['result'][] | null }[];
  const blocks = lines('blocks.jsonl') as unknown as {
    block: { header: { height: string }; data: { txs: string[] } };
  }[];
  return blocks.flatMap(({ block }, i) =>
    block.data.txs.map((tx, j) => ({
      height: Number(block.header.height),
      bytes: fromBase64(tx),
      result: results[i]?.txs_results?.[j] as Recorded['result'],
    })),
  );
}

interface AuthEntry {
  readonly address: string;
  sequence: string;
}

/** The recorded genesis, with the modules that this ledger has. */
function recordedGenesis(): ReturnType<typeof genesisOf> {
  const [document] = lines('genesis.jsonl') as unknown as { genesis?: unknown }[];
  const genesis = (document?.genesis ?? document) as { app_state: Record<string, unknown> };
  const { auth, bank } = structuredClone(genesis.app_state);
  const base = genesisOf([]);
  return {
    ...base,
    chainId: CHAIN_ID,
    chain: { ...base.chain, bech32Prefix: 'cosmos', baseDenom: 'stake' },
    appState: { auth, bank },
  };
}

describe('app: recorded transactions of a Cosmos SDK chain', () => {
  const txs = recorded();
  const decoder = ledgerOf(new MemoryState());
  const decoded = txs.map(({ bytes }) => decoder.decode(bytes));

  it('decodes every transfer, and hashes it as the chain did', () => {
    const unknown = decoded.filter((tx) => tx === undefined).length;
    assert.equal(txs.length, 662);
    // The delegation of height 32 is the only message that this ledger does not have.
    assert.equal(unknown, 1);
    const proofs = lines('txs_with_proofs.jsonl') as unknown as { hash: string; tx: string }[];
    assert.ok(proofs.length > 0);
    for (const { hash, tx } of proofs) {
      assert.equal(toHex(decoder.decodeTx(fromBase64(tx)).hash).toUpperCase(), hash);
    }
  });

  it('makes the sign bytes that were signed', async () => {
    const genesis = recordedGenesis();
    const numbers = accountNumbers(genesis.appState.auth as { accounts: AuthEntry[] });
    const known = decoded.filter((tx) => tx !== undefined);
    const items = known.map((tx) => ({
      type: 'secp256k1' as const,
      publicKey: tx.signerInfos[0]?.pubKey as Uint8Array,
      message: directSignBytes(
        tx,
        new TextEncoder().encode(CHAIN_ID),
        numbers.get(tx.signers[0]?.text as string) as bigint,
      ),
      signature: tx.signatures[0] as Uint8Array,
    }));
    const verdicts = await new InlineVerifier().verify(items);
    assert.equal(verdicts.length, 661);
    assert.ok(verdicts.every(Boolean));
  });

  it('executes them to the same codes, texts, data and events', async () => {
    const state = new MemoryState();
    const ledger = ledgerOf(state);
    const genesis = recordedGenesis();
    startAtFirstSequences(genesis.appState.auth as { accounts: AuthEntry[] }, decoded);
    state.apply(ledger.initGenesis(genesis).changes, 0);
    let compared = 0;
    for (let height = 1; height <= 90; height++) {
      const inBlock = txs.filter((tx) => tx.height === height);
      const { txResults, changes } = await ledger.execute(
        blockRequest(
          height,
          inBlock.map(({ bytes }) => bytes),
        ),
      );
      state.apply(changes, height);
      txResults.forEach((result, i) => {
        const { bytes, result: expected } = inBlock[i] as Recorded;
        if (decoder.decode(bytes) === undefined) return;
        compareResult(result, expected);
        compared++;
      });
    }
    assert.equal(compared, 661);
    assert.deepEqual(await ledger.invariants(state.view()), []);
  });
});

/** Numbers that repeat get the lowest free one, as the SDK's genesis does. */
function accountNumbers(auth: { accounts: { address: string; account_number?: string }[] }): Map<string, bigint> {
  const state = new MemoryState();
  const ledger = ledgerOf(state);
  state.apply(ledger.initGenesis(recordedGenesis()).changes, 0);
  const book = new AddressBook('cosmos');
  return new Map(
    auth.accounts.map(({ address }) => {
      const parsed = book.parse(address);
      assert.ok('bytes' in parsed);
      return [address, accountNumber(state, parsed.key)] as const;
    }),
  );
}

function accountNumber(state: MemoryState, key: string): bigint {
  const record = state.stores.get('acc')?.get(`\x01${key}`);
  assert.ok(record !== undefined);
  return BaseAccount.decode(Any.decode(record).value).accountNumber;
}

/** Transactions of genesis (`gen_txs`) raised some sequences before the first block; they are not ours to execute. */
function startAtFirstSequences(auth: { accounts: AuthEntry[] }, decoded: readonly (DecodedTx | undefined)[]): void {
  for (const account of auth.accounts) {
    const first = decoded.find((tx) => tx?.signers[0]?.text === account.address);
    if (first !== undefined) account.sequence = String(first.sequences[0]);
  }
}

function compareResult(result: TxResult, expected: Recorded['result']): void {
  assert.equal(result.code, expected.code);
  assert.equal(Buffer.from(result.data).toString('base64'), expected.data ?? '');
  if (expected.code === 0) assert.equal(result.log, expected.log);
  else
    assert.match(
      result.log,
      /^failed to execute message; message index: 0: spendable balance \d+stake is smaller than 99999999999999999stake: insufficient funds$/,
    );
  assert.deepEqual(result.events, expected.events);
}
