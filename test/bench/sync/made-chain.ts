import { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import { addressText } from '#cli/account-key.ts';
import { buildGenesis, DEFAULT_DENOM, DEFAULT_PREFIX, DEFAULT_STAKE } from '#cli/genesis-builder.ts';
import { deriveLoadKeys, TRANSFER_GAS } from '#cli/load/load-accounts.ts';
import { GAS_PRICE_AMOUNT } from '#cli/network-builder.ts';
import { feeOf, sendMessage, signTx } from '#cli/tx-builder.ts';
import { validatorAddress } from '#crypto/address.ts';
import { type Ed25519KeyPair, generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { expectedBlockTime } from '#engine/block-validation.ts';
import type { Body } from '#engine/body.ts';
import { Chain } from '#engine/chain.ts';
import { chainHistory } from '#engine/evidence-history.ts';
import { EvidencePool } from '#engine/evidence-pool.ts';
import type { TxSupply } from '#engine/tx-supply.ts';
import { Indexer } from '#indexer/indexer.ts';
import { initializeChain, openChain } from '#node/database.ts';
import { RealClock } from '#node/real-clock.ts';
import { BlockStore } from '#storage/block-store.ts';
import { openLevel } from '#storage/level.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { type Commit, type CommitSig, commitSignBytes, EMPTY_COMMIT, FLAG_COMMIT } from '#types/commit.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import type { Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { EMPTY_BYTES, equalBytes } from '#util/bytes.ts';
import { FUNDER } from '../network/bench-network.ts';

/** As many as the bench of the network has, so that the figures compare. */
const VALIDATORS = 4;
const ACCOUNTS = 200;
const ACCOUNT_AMOUNT = 1_000_000_000_000n;
const CHAIN_ID = 'bizra-sync';
/** Between a block's time and its precommits. */
const VOTE_DELAY_NS = 100_000_000n;
const VERIFIER = new InlineVerifier();

export interface ChainShape {
  readonly blocks: number;
  readonly txsPerBlock: number;
}

/** Keys of the validators, none of which runs, and the chain's genesis document. */
export interface MadeGenesis {
  readonly validators: readonly Ed25519KeyPair[];
  readonly text: string;
}

export function makeGenesis(): MadeGenesis {
  const validators = Array.from({ length: VALIDATORS }, () => generateEd25519());
  const text = buildGenesis({
    chainId: CHAIN_ID,
    timeMs: Date.now(),
    prefix: DEFAULT_PREFIX,
    denom: DEFAULT_DENOM,
    blockIntervalMinMs: 0,
    emptyBlockIntervalMs: 1_000,
    validators: validators.map(({ publicKey }, i) => ({ name: `v${i}`, publicKey, stake: DEFAULT_STAKE })),
    accounts: payers().map((key) => ({ address: addressText(DEFAULT_PREFIX, key.address), amount: ACCOUNT_AMOUNT })),
  });
  return { validators, text };
}

/**
 * Writes a database with a decided chain, as a node would: each block is built, executed and stored by the engine's own
 * parts, and its commit carries the signatures of all validators.
 */
export async function makeChain(
  path: string,
  { validators, text }: MadeGenesis,
  shape: ChainShape,
  progress: (height: number) => void,
): Promise<void> {
  const genesis = parseGenesis(text);
  const kv = await openLevel(path);
  try {
    await initializeChain(kv, genesis, await BlockStore.open(kv));
    const transfers = new Transfers();
    const chain = await composeChain(kv, genesis, validators, transfers);
    let lastCommit = EMPTY_COMMIT;
    for (let height = 1; height <= shape.blocks; height++) {
      transfers.fill(shape.txsPerBlock);
      const body = chain.build(0, lastCommit, expectedBlockTime(chain.state, { lastCommit }));
      lastCommit = commitOf(body, chain.state.validators, validators, genesis.chainId);
      await chain.apply(body, lastCommit, 0);
      progress(height);
    }
  } finally {
    await kv.close();
  }
}

async function composeChain(
  kv: Awaited<ReturnType<typeof openLevel>>,
  genesis: Genesis,
  [validator]: readonly Ed25519KeyPair[],
  supply: Transfers,
): Promise<Chain> {
  const { state, chainState } = await openChain(kv, genesis, {});
  const blockStore = await BlockStore.open(kv);
  const { bech32Prefix, baseDenom } = genesis.chain;
  const ledger = new Ledger({ verifier: VERIFIER, state }, { chainId: genesis.chainId, bech32Prefix, baseDenom });
  supply.decode = (bytes) => ledger.decodeTx(bytes);
  const evidence: EvidencePool = EvidencePool.restore(
    {
      kv,
      verifier: VERIFIER,
      logger: SILENT_LOGGER,
      history: () => chainHistory(chain.state, blockStore),
      isPunished: () => false,
      onPending: () => undefined,
      onFault: (error) => {
        throw error;
      },
    },
    [],
  );
  const reader = { base: () => blockStore.base, head: () => blockStore.head, results: async () => undefined };
  const chain = new Chain(
    {
      kv,
      state,
      ledger,
      blockStore,
      indexer: new Indexer({ kv, reader }),
      supply,
      evidence,
      verifier: VERIFIER,
      clock: new RealClock(),
      logger: SILENT_LOGGER,
      address: validatorAddress({ type: 'ed25519', bytes: (validator as Ed25519KeyPair).publicKey }),
    },
    chainState,
    undefined,
  );
  return chain;
}

function commitOf(body: Body, set: ValidatorSet, keys: readonly Ed25519KeyPair[], chainId: string): Commit {
  const timestamp: Time = body.block.header.time + VOTE_DELAY_NS;
  const unsigned: Commit = {
    height: body.block.header.height,
    round: 0,
    blockId: body.blockId,
    signatures: set.validators.map(({ address }) => ({
      flag: FLAG_COMMIT,
      validatorAddress: address,
      timestamp,
      signature: EMPTY_BYTES,
    })),
  };
  const sign = (entry: CommitSig, index: number): CommitSig => {
    const owner = set.get(index)?.pubKey.bytes ?? EMPTY_BYTES;
    const { privateKey } = keys.find(({ publicKey }) => equalBytes(publicKey, owner)) as Ed25519KeyPair;
    return { ...entry, signature: signEd25519(privateKey, commitSignBytes(chainId, unsigned, index)) };
  };
  return { ...unsigned, signatures: unsigned.signatures.map(sign) };
}

function payers() {
  return deriveLoadKeys(FUNDER, ACCOUNTS);
}

/** Signed transfers among the accounts, each to the next one. */
class Transfers implements TxSupply {
  decode: ((bytes: Uint8Array) => DecodedTx) | undefined;
  private readonly keys = payers();
  private made = 0;
  private waiting: DecodedTx[] = [];

  fill(count: number): void {
    this.waiting = Array.from({ length: count }, () => this.next());
  }

  reap(): DecodedTx[] {
    return this.waiting;
  }

  hasWork(): boolean {
    return this.waiting.length > 0;
  }

  get(): undefined {}

  update(): void {
    this.waiting = [];
  }

  private next(): DecodedTx {
    const number = this.made++;
    const from = number % ACCOUNTS;
    const payer = this.keys[from] as (typeof this.keys)[number];
    const receiver = this.keys[(from + 1) % ACCOUNTS] as (typeof this.keys)[number];
    const addresses = [payer, receiver].map(({ address }) => addressText(DEFAULT_PREFIX, address)) as [string, string];
    const bytes = signTx(
      payer,
      { chainId: CHAIN_ID, accountNumber: BigInt(from), sequence: BigInt(Math.floor(number / ACCOUNTS)) },
      {
        messages: [sendMessage(...addresses, [{ denom: DEFAULT_DENOM, amount: '1' }])],
        fee: feeOf(TRANSFER_GAS, GAS_PRICE_AMOUNT + DEFAULT_DENOM),
        gasLimit: TRANSFER_GAS,
      },
    );
    return (this.decode as (bytes: Uint8Array) => DecodedTx)(bytes);
  }
}
