import { BaseAccount } from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import {
  QueryAccountInfoResponse,
  QueryAccountRequest,
  QueryAccountResponse,
  QueryAccountsRequest,
  QueryAccountsResponse,
  QueryModuleAccountByNameRequest,
  QueryModuleAccountByNameResponse,
  QueryModuleAccountsResponse,
  QueryParamsResponse,
} from 'cosmjs-types/cosmos/auth/v1beta1/query';
import { fromLatin1 } from '#util/bytes.ts';
import type { AddressBook } from '../../address.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { QueryRefusal } from '../../query/errors.ts';
import { type QueryContext, type QueryHandler, readAddress, readRecord, readRequest } from '../../query/handler.ts';
import { paginate } from '../../query/pagination.ts';
import { type Account, accountAny, encodeBase } from './account.ts';
import { FEE_COLLECTOR } from './module-accounts.ts';
import { authParamsMessage } from './params.ts';
import { ACCOUNT_PREFIX, AUTH_STORE, type AuthState, accountKey } from './state.ts';

const SERVICE = '/cosmos.auth.v1beta1.Query';

/** The auth module's query paths. */
export function authQueries(auth: AuthState, addresses: AddressBook): Readonly<Record<string, QueryHandler>> {
  const find = async ({ view }: QueryContext, text: string): Promise<Account> => {
    const address = readAddress(addresses, text);
    const account = await readRecord(view, auth.accounts, accountKey(address));
    if (account === undefined) throw new QueryRefusal('NotFound', `account ${text} not found`);
    return account;
  };
  const findModule = async (context: QueryContext, name: string): Promise<Account> => {
    const account = await readRecord(context.view, auth.accounts, accountKey(addresses.ofModule(name)));
    if (account?.module?.name !== name) throw new QueryRefusal('NotFound', `account ${name} not found`);
    return account;
  };
  return {
    [`${SERVICE}/Account`]: async (data, context) => {
      const account = await find(context, readRequest(QueryAccountRequest, data).address);
      return encodeMessage(QueryAccountResponse, { account: accountAny(account) });
    },
    [`${SERVICE}/AccountInfo`]: async (data, context) => {
      const account = await find(context, readRequest(QueryAccountRequest, data).address);
      return encodeMessage(QueryAccountInfoResponse, { info: BaseAccount.decode(encodeBase(account)) });
    },
    [`${SERVICE}/Accounts`]: async (data, { view }) => {
      const { pagination } = readRequest(QueryAccountsRequest, data);
      const { entries, page } = await paginate(view, AUTH_STORE, fromLatin1(ACCOUNT_PREFIX), pagination);
      const accounts = entries.map(({ value }) => accountAny(auth.accounts.codec.decode(value)));
      return encodeMessage(QueryAccountsResponse, { accounts, pagination: page });
    },
    [`${SERVICE}/ModuleAccounts`]: async (_data, context) => {
      const account = await findModule(context, FEE_COLLECTOR);
      return encodeMessage(QueryModuleAccountsResponse, { accounts: [accountAny(account)] });
    },
    [`${SERVICE}/ModuleAccountByName`]: async (data, context) => {
      const account = await findModule(context, readRequest(QueryModuleAccountByNameRequest, data).name);
      return encodeMessage(QueryModuleAccountByNameResponse, { account: accountAny(account) });
    },
    [`${SERVICE}/Params`]: async (_data, { view }) => {
      const params = await auth.queryParams((collection, key) => readRecord(view, collection, key));
      return encodeMessage(QueryParamsResponse, { params: authParamsMessage(params) });
    },
  };
}
