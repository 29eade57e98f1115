import type { ChangeSet, StateReader, StoreName } from '#state/store.ts';
import type { Genesis } from '#types/genesis.ts';
import type { ValidatorUpdate } from '#types/validator-set.ts';
import type { AddressBook } from './address.ts';
import { genesisError } from './errors.ts';
import { GasMeter } from './gas.ts';
import type { MessageType } from './message.ts';
import { initAuthGenesis } from './modules/auth/genesis.ts';
import { AUTH_MESSAGES } from './modules/auth/messages.ts';
import { blockedAddressKeys } from './modules/auth/module-accounts.ts';
import { AUTH_STORE, AuthState } from './modules/auth/state.ts';
import { initBankGenesis } from './modules/bank/genesis.ts';
import { bankMessages } from './modules/bank/messages.ts';
import { BANK_STORE, BankState } from './modules/bank/state.ts';
import { Transfers } from './modules/bank/transfers.ts';
import { initChainGenesis } from './modules/chain/genesis.ts';
import { CHAIN_STORE, ChainModuleState, CONSENSUS_STORE } from './modules/chain/state.ts';
import { initSlashingGenesis } from './modules/slashing/genesis.ts';
import { EVIDENCE_STORE, SLASHING_STORE, SlashingState } from './modules/slashing/state.ts';
import { WorkingState } from './store/working-state.ts';

/** Stores under the app hash, sorted. The list changes only at genesis or at an upgrade height. */
export const STORES: readonly StoreName[] = [
  AUTH_STORE,
  BANK_STORE,
  CHAIN_STORE,
  CONSENSUS_STORE,
  EVIDENCE_STORE,
  SLASHING_STORE,
];

/** Parts of `app_state` that this ledger reads; `genutil` is what SDK tools leave behind. */
const GENESIS_PARTS: readonly string[] = ['auth', 'bank', 'chain', 'evidence', 'genutil', 'slashing'];

/** All modules of the ledger, put together. */
export class Modules {
  readonly addresses: AddressBook;
  readonly auth: AuthState;
  readonly bank = new BankState();
  readonly chain = new ChainModuleState();
  readonly slashing: SlashingState;
  readonly transfers: Transfers;
  readonly messages: readonly MessageType[];

  constructor(addresses: AddressBook) {
    this.addresses = addresses;
    this.auth = new AuthState(addresses);
    this.slashing = new SlashingState(addresses.prefix);
    this.transfers = new Transfers(this.bank, this.auth, blockedAddressKeys(addresses));
    this.messages = [...AUTH_MESSAGES, ...bankMessages(this)];
  }

  /** The first state. Throws a BizraError that names the field of the document. */
  initGenesis(genesis: Genesis): { changes: ChangeSet; validators: ValidatorUpdate[] } {
    for (const name of Object.keys(genesis.appState)) {
      if (GENESIS_PARTS.includes(name)) continue;
      throw genesisError(`app_state.${name}`, `no such module; known are ${GENESIS_PARTS.join(', ')}`);
    }
    const state = new WorkingState(EMPTY_STATE);
    const access = { state, gas: new GasMeter(undefined) };
    initChainGenesis(access, this.chain, genesis);
    const owners = initBankGenesis(access, this.bank, this.addresses, genesis.appState.bank);
    initAuthGenesis(access, this.auth, this.addresses, genesis.appState.auth, owners);
    initSlashingGenesis(access, this.slashing, genesis);
    const validators = genesis.validators.map(({ pubKey, power }) => ({ pubKey, power }));
    return { changes: state.changes(), validators };
  }
}

const EMPTY_STATE: StateReader = { get: () => undefined };
