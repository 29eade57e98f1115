import { decodeAddress } from '#crypto/address.ts';
import { formatGenesis } from '#types/genesis.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { BizraError } from '#util/errors.ts';
import { usageError } from './errors.ts';

/** Names of a chain when nobody chose others. */
export const DEFAULT_PREFIX = 'bizra';
export const DEFAULT_DENOM = 'ubizra';
/** Stake of each genesis validator, in the base denomination: 100 BIZRA, power 100. */
export const DEFAULT_STAKE = 100_000_000n;
/** Base units for one unit of voting power, the Cosmos SDK's figure: powers stay far below CometBFT's cap. */
export const POWER_REDUCTION = 1_000_000n;
/** CometBFT refuses sets whose total passes MaxInt64 / 8. */
const MAX_TOTAL_POWER = (2n ** 63n - 1n) / 8n;
/** Amounts in the SDK are integers below 2^256. */
const MAX_AMOUNT = 2n ** 256n - 1n;
const NANOS_PER_MILLISECOND = 1_000_000n;
/** CometBFT's bound, in bytes. */
const MAX_CHAIN_ID_LENGTH = 50;
const MAX_PREFIX_LENGTH = 20;

/** Milliseconds: how a chain paces its blocks unless it says otherwise. */
export const DEFAULT_BLOCK_INTERVAL_MIN_MS = 250;
export const DEFAULT_EMPTY_BLOCK_INTERVAL_MS = 5_000;

/** The SDK's defaults of the auth module. */
const AUTH_PARAMS = {
  max_memo_characters: '256',
  tx_sig_limit: '7',
  tx_size_cost_per_byte: '10',
  sig_verify_cost_ed25519: '590',
  sig_verify_cost_secp256k1: '1000',
};

export interface GenesisAccount {
  /** Bech32, with the chain's prefix. */
  readonly address: string;
  /** In the base denomination. */
  readonly amount: bigint;
}

export interface GenesisValidatorSpec {
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** In the base denomination; POWER_REDUCTION of it is one unit of power. */
  readonly stake: bigint;
}

export interface GenesisSpec {
  readonly chainId: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly prefix: string;
  readonly denom: string;
  readonly blockIntervalMinMs: number;
  readonly emptyBlockIntervalMs: number;
  readonly validators: readonly GenesisValidatorSpec[];
  /** In the order of their account numbers. */
  readonly accounts: readonly GenesisAccount[];
}

function checkNames(spec: GenesisSpec): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(spec.chainId) || spec.chainId.length > MAX_CHAIN_ID_LENGTH) {
    throw usageError(`chain id "${spec.chainId}" is not accepted; use up to 50 letters, digits, ".", "_" or "-"`);
  }
  if (!/^[a-z]+$/.test(spec.prefix) || spec.prefix.length > MAX_PREFIX_LENGTH) {
    throw usageError(`address prefix "${spec.prefix}" is not accepted; use up to 20 lower-case letters`);
  }
  if (!/^[a-zA-Z][a-zA-Z0-9/:._-]{2,127}$/.test(spec.denom)) {
    throw usageError(`denomination "${spec.denom}" is not accepted; use 3 to 128 letters or digits, a letter first`);
  }
}

function checkAccounts(spec: GenesisSpec): void {
  const seen = new Set<string>();
  for (const { address, amount } of spec.accounts) {
    checkAccount(spec.prefix, address, amount);
    if (seen.has(address)) throw usageError(`genesis account ${address} is given twice; add the amounts up`);
    seen.add(address);
  }
  const supply = spec.accounts.reduce((sum, account) => sum + account.amount, 0n);
  if (supply > MAX_AMOUNT) throw usageError('the amounts of the genesis accounts add up to more than 2^256 - 1');
}

function checkAccount(prefix: string, address: string, amount: bigint): void {
  try {
    if (decodeAddress(prefix, address).length > 0 && address === address.toLowerCase()) {
      if (amount > 0n && amount <= MAX_AMOUNT) return;
      throw usageError(`genesis account ${address}: amount ${amount} is not from 1 to 2^256 - 1`);
    }
  } catch (error) {
    if (error instanceof BizraError && error.code === 'usage') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`genesis account ${address.slice(0, 100)}: ${reason}`);
  }
  throw usageError(`genesis account ${address}: write the address in lower case`);
}

function checkValidators(spec: GenesisSpec): void {
  const total = spec.validators.reduce((sum, validator) => sum + powerOf(validator), 0n);
  if (total > MAX_TOTAL_POWER) throw usageError(`the stakes give a voting power of ${total}, above ${MAX_TOTAL_POWER}`);
}

function powerOf(validator: GenesisValidatorSpec): bigint {
  const power = validator.stake / POWER_REDUCTION;
  if (power >= 1n) return power;
  throw usageError(`stake ${validator.stake} of ${validator.name} gives no voting power; at least ${POWER_REDUCTION}`);
}

function authState(accounts: readonly GenesisAccount[]): Record<string, unknown> {
  return {
    params: AUTH_PARAMS,
    accounts: accounts.map(({ address }, index) => ({
      '@type': '/cosmos.auth.v1beta1.BaseAccount',
      address,
      pub_key: null,
      account_number: String(index),
      sequence: '0',
    })),
  };
}

function bankState(denom: string, accounts: readonly GenesisAccount[]): Record<string, unknown> {
  const supply = accounts.reduce((sum, account) => sum + account.amount, 0n);
  return {
    params: { send_enabled: [], default_send_enabled: true },
    balances: accounts.map(({ address, amount }) => ({ address, coins: [{ denom, amount: amount.toString() }] })),
    supply: supply === 0n ? [] : [{ denom, amount: supply.toString() }],
    denom_metadata: [],
    send_enabled: [],
  };
}

/** Text of `genesis.json`, in the Cosmos SDK's shape. Throws `usage` for what it cannot hold. */
export function buildGenesis(spec: GenesisSpec): string {
  checkNames(spec);
  checkAccounts(spec);
  checkValidators(spec);
  return formatGenesis({
    genesisTime: BigInt(spec.timeMs) * NANOS_PER_MILLISECOND,
    chainId: spec.chainId,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: spec.validators.map((validator) => ({
      pubKey: { type: 'ed25519', bytes: validator.publicKey },
      power: powerOf(validator),
      name: validator.name,
    })),
    chain: {
      bech32Prefix: spec.prefix,
      baseDenom: spec.denom,
      blockIntervalMinMs: spec.blockIntervalMinMs,
      emptyBlockIntervalMs: spec.emptyBlockIntervalMs,
    },
    appState: { auth: authState(spec.accounts), bank: bankState(spec.denom, spec.accounts) },
  });
}

/** Lines `address amount` (base denomination); empty lines and `#` comments are skipped. Throws `usage` with the line. */
export function parseGenesisAccounts(path: string, text: string, prefix: string, denom: string): GenesisAccount[] {
  const accounts: GenesisAccount[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.replace(/#.*$/, '').trim();
    if (content === '') continue;
    const [address = '', amount = '', ...rest] = content.split(/\s+/);
    const digits = amount.endsWith(denom) ? amount.slice(0, -denom.length) : amount;
    if (!/^\d{1,78}$/.test(digits) || rest.length > 0) {
      throw usageError(`${path} line ${index + 1}: "${content.slice(0, 100)}" is not "address amount"`);
    }
    try {
      checkAccount(prefix, address, BigInt(digits));
    } catch (error) {
      throw error instanceof BizraError ? usageError(`${path} line ${index + 1}: ${error.message}`) : error;
    }
    accounts.push({ address, amount: BigInt(digits) });
  }
  return accounts;
}
