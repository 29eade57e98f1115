import {
  QueryAllBalancesRequest,
  QueryAllBalancesResponse,
  QueryBalanceRequest,
  QueryBalanceResponse,
  QueryDenomMetadataRequest,
  QueryDenomMetadataResponse,
  QueryDenomsMetadataRequest,
  QueryDenomsMetadataResponse,
  QueryParamsResponse,
  QuerySpendableBalanceByDenomRequest,
  QuerySpendableBalanceByDenomResponse,
  QuerySpendableBalancesRequest,
  QuerySpendableBalancesResponse,
  QuerySupplyOfRequest,
  QuerySupplyOfResponse,
  QueryTotalSupplyRequest,
  QueryTotalSupplyResponse,
} from 'cosmjs-types/cosmos/bank/v1beta1/query';
import type { PageRequest, PageResponse } from 'cosmjs-types/cosmos/base/query/v1beta1/pagination';
import type { Coin as ProtoCoin } from 'cosmjs-types/cosmos/base/v1beta1/coin';
import type { StateView } from '#state/store.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';
import type { AddressBook } from '../../address.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { isDenom } from '../../coins.ts';
import { QueryRefusal } from '../../query/errors.ts';
import { type QueryHandler, readAddress, readRecord, readRequest } from '../../query/handler.ts';
import { type PageEntry, paginate } from '../../query/pagination.ts';
import { bankParamsMessage } from './params.ts';
import {
  BANK_STORE,
  type BankState,
  balanceKey,
  balancesPrefix,
  decodeAmount,
  METADATA_PREFIX,
  SUPPLY_PREFIX,
  supplyKey,
} from './state.ts';

const SERVICE = '/cosmos.bank.v1beta1.Query';

/** The bank module's query paths. Nothing is locked here, so all that an account has is spendable. */
export function bankQueries(bank: BankState, addresses: AddressBook): Readonly<Record<string, QueryHandler>> {
  return { ...balanceQueries(bank, addresses), ...supplyQueries(bank), ...denomQueries(bank) };
}

function balanceQueries(bank: BankState, addresses: AddressBook): Readonly<Record<string, QueryHandler>> {
  const balance = async (view: StateView, text: string, denom: string): Promise<ProtoCoin> => {
    const key = balanceKey(readAddress(addresses, text), readDenom(denom));
    return { denom, amount: String((await readRecord(view, bank.balances, key)) ?? 0n) };
  };
  const balances = async (view: StateView, text: string, pagination: PageRequest | undefined): Promise<CoinPage> =>
    coinPage(view, fromLatin1(balancesPrefix(readAddress(addresses, text))), pagination);
  return {
    [`${SERVICE}/Balance`]: async (data, { view }) => {
      const { address, denom } = readRequest(QueryBalanceRequest, data);
      return encodeMessage(QueryBalanceResponse, { balance: await balance(view, address, denom) });
    },
    [`${SERVICE}/SpendableBalanceByDenom`]: async (data, { view }) => {
      const { address, denom } = readRequest(QuerySpendableBalanceByDenomRequest, data);
      return encodeMessage(QuerySpendableBalanceByDenomResponse, { balance: await balance(view, address, denom) });
    },
    [`${SERVICE}/AllBalances`]: async (data, { view }) => {
      const { address, pagination } = readRequest(QueryAllBalancesRequest, data);
      const { coins, page } = await balances(view, address, pagination);
      return encodeMessage(QueryAllBalancesResponse, { balances: coins, pagination: page });
    },
    [`${SERVICE}/SpendableBalances`]: async (data, { view }) => {
      const { address, pagination } = readRequest(QuerySpendableBalancesRequest, data);
      const { coins, page } = await balances(view, address, pagination);
      return encodeMessage(QuerySpendableBalancesResponse, { balances: coins, pagination: page });
    },
  };
}

function supplyQueries(bank: BankState): Readonly<Record<string, QueryHandler>> {
  return {
    [`${SERVICE}/TotalSupply`]: async (data, { view }) => {
      const { pagination } = readRequest(QueryTotalSupplyRequest, data);
      const { coins, page } = await coinPage(view, fromLatin1(SUPPLY_PREFIX), pagination);
      return encodeMessage(QueryTotalSupplyResponse, { supply: coins, pagination: page });
    },
    [`${SERVICE}/SupplyOf`]: async (data, { view }) => {
      const denom = readDenom(readRequest(QuerySupplyOfRequest, data).denom);
      const supply = (await readRecord(view, bank.supply, supplyKey(denom))) ?? 0n;
      return encodeMessage(QuerySupplyOfResponse, { amount: { denom, amount: String(supply) } });
    },
  };
}

function denomQueries(bank: BankState): Readonly<Record<string, QueryHandler>> {
  return {
    [`${SERVICE}/Params`]: async (_data, { view }) => {
      const params = await bank.queryParams((collection, key) => readRecord(view, collection, key));
      return encodeMessage(QueryParamsResponse, { params: bankParamsMessage(params) });
    },
    [`${SERVICE}/DenomMetadata`]: async (data, { view }) => {
      const denom = readDenom(readRequest(QueryDenomMetadataRequest, data).denom);
      const metadata = await readRecord(view, bank.metadata, METADATA_PREFIX + denom);
      if (metadata === undefined) throw new QueryRefusal('NotFound', `client metadata for denom ${denom}`);
      return encodeMessage(QueryDenomMetadataResponse, { metadata });
    },
    [`${SERVICE}/DenomsMetadata`]: async (data, { view }) => {
      const { pagination } = readRequest(QueryDenomsMetadataRequest, data);
      const { entries, page } = await paginate(view, BANK_STORE, fromLatin1(METADATA_PREFIX), pagination);
      const metadatas = entries.map(({ value }) => bank.metadata.codec.decode(value));
      return encodeMessage(QueryDenomsMetadataResponse, { metadatas, pagination: page });
    },
  };
}

interface CoinPage {
  readonly coins: ProtoCoin[];
  readonly page: PageResponse;
}

/** Records whose key after the prefix is a denomination, and whose value is an amount. */
async function coinPage(view: StateView, prefix: Uint8Array, request: PageRequest | undefined): Promise<CoinPage> {
  const { entries, page } = await paginate(view, BANK_STORE, prefix, request);
  return { coins: entries.map(coinOf), page };
}

function coinOf({ key, value }: PageEntry): ProtoCoin {
  return { denom: toLatin1(key), amount: String(decodeAmount(value)) };
}

function readDenom(denom: string): string {
  if (!isDenom(denom)) throw new QueryRefusal('InvalidArgument', `invalid denom: ${denom.slice(0, 128)}`);
  return denom;
}
