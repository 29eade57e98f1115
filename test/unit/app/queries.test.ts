import assert from 'node:assert/strict';
import { BaseAccount, ModuleAccount } from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import {
  QueryAccountRequest,
  QueryAccountResponse,
  QueryAccountsRequest,
  QueryAccountsResponse,
  QueryModuleAccountByNameRequest,
  QueryModuleAccountByNameResponse,
  QueryParamsResponse,
} from 'cosmjs-types/cosmos/auth/v1beta1/query';
import {
  QueryAllBalancesRequest,
  QueryAllBalancesResponse,
  QueryBalanceRequest,
  QueryBalanceResponse,
  QueryDenomMetadataRequest,
  QueryDenomMetadataResponse,
  QuerySupplyOfRequest,
  QuerySupplyOfResponse,
  QueryTotalSupplyRequest,
  QueryTotalSupplyResponse,
} from 'cosmjs-types/cosmos/bank/v1beta1/query';
import { PageRequest } from 'cosmjs-types/cosmos/base/query/v1beta1/pagination';
import { QueryParamsResponse as ConsensusParamsResponse } from 'cosmjs-types/cosmos/consensus/v1/query';
import { GetTxRequest, GetTxResponse } from 'cosmjs-types/cosmos/tx/v1beta1/service';
import type { LedgerQueryResponse, QueryExtra } from '#app/query/queries.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { buildTx, chainOf, DENOM, genesisOf, send, wallet } from './support.ts';

const alice = wallet('alice');
const bob = wallet('bob');
const BANK = '/cosmos.bank.v1beta1.Query';
const AUTH = '/cosmos.auth.v1beta1.Query';
const DENOMS = Array.from({ length: 25 }, (_, i) => `coin${String.fromCharCode(97 + i)}`);

const chain = chainOf(
  genesisOf([{ address: bob.text, amount: 7n }], {
    appState: {
      bank: {
        balances: [
          { address: alice.text, coins: DENOMS.map((denom, i) => ({ denom, amount: String(i + 1) })) },
          { address: bob.text, coins: [{ denom: DENOM, amount: '7' }] },
        ],
        denom_metadata: [
          {
            base: DENOM,
            display: 'BIZRA',
            name: 'Bizra',
            symbol: 'BIZRA',
            description: '',
            denom_units: [
              { denom: DENOM, exponent: 0 },
              { denom: 'BIZRA', exponent: 6 },
            ],
          },
        ],
      },
    },
  }),
);

function ask(path: string, data: Uint8Array, extra?: QueryExtra): Promise<LedgerQueryResponse> {
  return chain.ledger.query(path, data, chain.state.view(), extra);
}

async function good(path: string, data: Uint8Array, extra?: QueryExtra): Promise<Uint8Array> {
  const response = await ask(path, data, extra);
  assert.equal(response.code, 0, response.log);
  return response.value as Uint8Array;
}

describe('app: queries', () => {
  it('an account, and its absence as clients look for it', async () => {
    const request = (address: string): Uint8Array => QueryAccountRequest.encode({ address }).finish();
    const { account } = QueryAccountResponse.decode(await good(`${AUTH}/Account`, request(bob.text)));
    assert.equal(account?.typeUrl, '/cosmos.auth.v1beta1.BaseAccount');
    assert.equal(BaseAccount.decode(account?.value ?? new Uint8Array(0)).address, bob.text);
    const carol = wallet('carol').text;
    const missing = await ask(`${AUTH}/Account`, request(carol));
    assert.deepEqual(
      [missing.code, missing.codespace, missing.log, missing.value],
      [22, 'sdk', `rpc error: code = NotFound desc = account ${carol} not found: key not found`, undefined],
    );
    assert.equal((await ask(`${AUTH}/Account`, request('bizra1'))).code, 18);
    assert.equal((await ask(`${AUTH}/Account`, request(''))).code, 18);
    assert.equal((await ask(`${AUTH}/Account`, fromHex('0aff'))).code, 18);
  });

  it('balances, supply, parameters, metadata and module accounts', async () => {
    const balance = async (address: string, denom: string): Promise<string | undefined> =>
      QueryBalanceResponse.decode(
        await good(`${BANK}/Balance`, QueryBalanceRequest.encode({ address, denom }).finish()),
      ).balance?.amount;
    assert.equal(await balance(bob.text, DENOM), '7');
    assert.equal(await balance(alice.text, DENOM), '0');
    const supply = QuerySupplyOfRequest.encode({ denom: 'coinc' }).finish();
    assert.equal(QuerySupplyOfResponse.decode(await good(`${BANK}/SupplyOf`, supply)).amount?.amount, '3');
    // The bytes of a Cosmos SDK node (test/vectors/data, rpc.jsonl).
    assert.equal(Buffer.from(await good(`${BANK}/Params`, new Uint8Array(0))).toString('base64'), 'CgIQAQ==');
    const params = QueryParamsResponse.decode(await good(`${AUTH}/Params`, new Uint8Array(0))).params;
    assert.deepEqual(params, {
      maxMemoCharacters: 256n,
      txSigLimit: 7n,
      txSizeCostPerByte: 10n,
      sigVerifyCostEd25519: 590n,
      sigVerifyCostSecp256k1: 1000n,
    });
    const metadata = QueryDenomMetadataRequest.encode({ denom: DENOM }).finish();
    assert.equal(
      QueryDenomMetadataResponse.decode(await good(`${BANK}/DenomMetadata`, metadata)).metadata?.display,
      'BIZRA',
    );
    const unknown = QueryDenomMetadataRequest.encode({ denom: 'nope' }).finish();
    assert.equal((await ask(`${BANK}/DenomMetadata`, unknown)).code, 22);
    const byName = QueryModuleAccountByNameRequest.encode({ name: 'fee_collector' }).finish();
    const found = QueryModuleAccountByNameResponse.decode(await good(`${AUTH}/ModuleAccountByName`, byName)).account;
    assert.equal(ModuleAccount.decode(found?.value ?? new Uint8Array(0)).name, 'fee_collector');
    const consensus = await good('/cosmos.consensus.v1.Query/Params', new Uint8Array(0));
    assert.equal(ConsensusParamsResponse.decode(consensus).params?.block?.maxGas, -1n);
  });

  it('unknown paths, as a Cosmos SDK node answers them', async () => {
    for (const path of ['/nothing', '', '/cosmos.staking.v1beta1.Query/Pool', 'constructor']) {
      const { code, codespace, log, height } = await ask(path, new Uint8Array(0));
      assert.deepEqual([code, codespace, log, height], [6, 'sdk', 'unknown query path: unknown request', 0]);
    }
    const version = await ask('/app/version', new Uint8Array(0));
    assert.deepEqual([version.code, version.codespace, version.value?.length], [0, 'sdk', 0]);
  });

  for (const reverse of [false, true]) {
    for (const limit of [1n, 4n, 24n, 25n, 26n, 1n << 63n]) {
      it(`pagination: pages of ${limit}${reverse ? ' in reverse' : ''} make up the whole list, by key and by offset`, async () => {
        const expected = reverse ? DENOMS.toReversed() : DENOMS;
        for (const way of ['key', 'offset'] as const) {
          const seen: string[] = [];
          let page = PageRequest.fromPartial({ limit, reverse, countTotal: true });
          for (;;) {
            const request = QueryAllBalancesRequest.fromPartial({ address: alice.text, pagination: page });
            const data = await good(`${BANK}/AllBalances`, QueryAllBalancesRequest.encode(request).finish());
            const { balances, pagination } = QueryAllBalancesResponse.decode(data);
            seen.push(...balances.map(({ denom }) => denom));
            if (page.key.length === 0) assert.equal(pagination?.total, 25n);
            if (pagination === undefined || pagination.nextKey.length === 0) break;
            page =
              way === 'key'
                ? PageRequest.fromPartial({ limit, reverse, key: pagination.nextKey })
                : PageRequest.fromPartial({ limit, reverse, offset: BigInt(seen.length), countTotal: true });
          }
          assert.deepEqual(seen, expected);
        }
      });
    }
  }

  it('pagination: no request at all, an offset beyond the end, key and offset together', async () => {
    const all = QueryTotalSupplyResponse.decode(await good(`${BANK}/TotalSupply`, new Uint8Array(0)));
    assert.equal(all.supply.length, 26);
    assert.equal(all.pagination?.total, 26n);
    const beyond = QueryTotalSupplyRequest.fromPartial({ pagination: { offset: 1n << 62n, limit: 2n } });
    const empty = QueryTotalSupplyResponse.decode(
      await good(`${BANK}/TotalSupply`, QueryTotalSupplyRequest.encode(beyond).finish()),
    );
    assert.deepEqual(empty.supply, []);
    const both = QueryTotalSupplyRequest.fromPartial({ pagination: { offset: 1n, key: fromHex('61') } });
    const refused = await ask(`${BANK}/TotalSupply`, QueryTotalSupplyRequest.encode(both).finish());
    assert.equal(refused.code, 18);
    const accounts = QueryAccountsRequest.fromPartial({ pagination: { limit: 2n } });
    const { accounts: page } = QueryAccountsResponse.decode(
      await good(`${AUTH}/Accounts`, QueryAccountsRequest.encode(accounts).finish()),
    );
    assert.equal(page.length, 2);
  });

  it('GetTx finds what the node found', async () => {
    const bytes = buildTx({
      messages: [send(bob.text, alice.text, 1n)],
      signers: [{ wallet: bob, sequence: 0n, accountNumber: 2n }],
    });
    const result = chain.ledger.simulate(bytes);
    const { hash } = chain.ledger.decodeTx(bytes);
    const extra: QueryExtra = {
      getTx: async (asked) => (toHex(asked) === toHex(hash) ? { height: 5, bytes, result, time: 0n } : undefined),
    };
    const ask1 = (text: string): Promise<LedgerQueryResponse> =>
      ask('/cosmos.tx.v1beta1.Service/GetTx', GetTxRequest.encode({ hash: text }).finish(), extra);
    const { tx, txResponse } = GetTxResponse.decode((await ask1(toHex(hash))).value as Uint8Array);
    assert.equal(txResponse?.txhash, toHex(hash).toUpperCase());
    assert.equal(txResponse?.height, 5n);
    assert.equal(txResponse?.timestamp, '1970-01-01T00:00:00Z');
    assert.equal(tx?.body?.messages.length, 1);
    assert.match((await ask1('00'.repeat(32))).log, /^rpc error: code = NotFound desc = tx not found/);
    assert.equal((await ask1('zz')).code, 18);
  });
});
