import { buildGenesis } from '#cli/genesis-builder.ts';
import { type Ed25519KeyPair, generateEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { type Wallet, wallet } from '../../unit/app/support.ts';
import { GENESIS_MS } from '../time/clock.ts';

/** Voting power of each first validator, and the stake that gives it. */
const POWER = 100n;
const STAKE = POWER * 1_000_000n;
const RICH = 10n ** 12n;
/** Milliseconds between empty blocks: short, so that an hour of the machine's time holds many heights. */
const EMPTY_BLOCK_INTERVAL_MS = 400;
const WALLETS = 4;

export const CHAIN_ID = 'sim-1';

/** Account number of the outsider: after the wallets. */
export const OUTSIDER_NUMBER = BigInt(WALLETS);

export interface SimGenesis {
  readonly genesis: Genesis;
  /** Of the genesis file. */
  readonly text: string;
  /** Of the validators, then of those that stand by. */
  readonly keys: readonly Ed25519KeyPair[];
  /** With account numbers in this order. */
  readonly wallets: readonly Wallet[];
}

export function simGenesis(nodes: number, standby = 0, emptyBlockIntervalMs = EMPTY_BLOCK_INTERVAL_MS): SimGenesis {
  const keys = Array.from({ length: nodes + standby }, (_, index) =>
    generateEd25519(sha256(new TextEncoder().encode(`validator ${index}`))),
  );
  const wallets = Array.from({ length: WALLETS }, (_, index) => wallet(`account ${index}`));
  const text = buildGenesis({
    chainId: CHAIN_ID,
    timeMs: GENESIS_MS,
    prefix: 'bizra',
    denom: 'ubizra',
    blockIntervalMinMs: 0,
    emptyBlockIntervalMs,
    validators: keys.slice(0, nodes).map(({ publicKey }, index) => ({ name: `n${index}`, publicKey, stake: STAKE })),
    accounts: [...wallets, outsider()].map((account) => ({ address: account.text, amount: RICH })),
  });
  return { genesis: parseGenesis(text), text, keys, wallets };
}

/** Has money as well, and stays out of the ordinary traffic. */
export function outsider(): Wallet {
  return wallet('outsider');
}

/** The set that signs the first height. */
export function genesisValidators(keys: readonly Ed25519KeyPair[]): ValidatorSet {
  return ValidatorSet.create(
    keys.map(({ publicKey }) => ({ pubKey: { type: 'ed25519', bytes: publicKey }, votingPower: POWER })),
  );
}
