import { Ledger } from '#app/ledger.ts';
import type { Verifier } from '#crypto/verifier.ts';
import { type Body, makeBody } from '#engine/body.ts';
import { Chain } from '#engine/chain.ts';
import { chainHistory } from '#engine/evidence-history.ts';
import { EvidencePool } from '#engine/evidence-pool.ts';
import type { TxSupply } from '#engine/tx-supply.ts';
import { Indexer } from '#indexer/indexer.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { KeptBlock } from '#storage/kept-blocks.ts';
import type { Logger } from '#telemetry/logger.ts';
import { equalBlockIds } from '#types/block-id.ts';
import type { Genesis } from '#types/genesis.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { OpenedChain } from './database.ts';
import type { NodeOverrides } from './overrides.ts';

export interface LocalChainParts {
  readonly kv: KeyValue;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the node's chain does not have to have: nothing is proposed here. */
const NO_SUPPLY: TxSupply = {
  reap: () => [],
  hasWork: () => false,
  get: () => undefined,
  update: () => undefined,
};

/**
 * A chain without a node around it: applies decided blocks that are at hand to a database, by the same code and with
 * the same checks as those that peers send.
 */
export class LocalChain {
  readonly chain: Chain;
  private readonly verifier: Verifier;

  constructor(
    parts: LocalChainParts,
    genesis: Genesis,
    { state, chainState, blockStore }: OpenedChain & { readonly blockStore: BlockStore },
    { brokenRule, wrapApp }: NodeOverrides = {},
  ) {
    const { kv, verifier, logger } = parts;
    this.verifier = verifier;
    const { bech32Prefix, baseDenom } = genesis.chain;
    const ledger = new Ledger({ verifier, state }, { chainId: genesis.chainId, bech32Prefix, baseDenom, brokenRule });
    // Evidence that waits for a block is the node's affair, not this chain's: the pool stays empty.
    const evidence = EvidencePool.restore(
      {
        kv,
        verifier,
        logger,
        history: () => chainHistory(this.chain.state, blockStore),
        isPunished: (address) => ledger.isTombstoned(address),
        onPending: () => undefined,
        onFault: () => undefined,
      },
      [],
    );
    const reader = {
      base: () => blockStore.base,
      head: () => this.chain.state.height,
      results: async (height: number) => blockStore.results(height),
    };
    this.chain = new Chain(
      {
        ...parts,
        state,
        ledger: wrapApp?.(ledger, () => this.chain.state) ?? ledger,
        blockStore,
        indexer: new Indexer({ kv, reader }),
        supply: NO_SUPPLY,
        evidence,
        address: undefined,
        brokenRule,
      },
      chainState,
      blockStore.commit(chainState.height),
    );
  }

  get height(): number {
    return this.chain.state.height;
  }

  /** Checks and applies the block that follows the head. Throws `block_unfit` when it does not follow from the state. */
  async apply({ block, commit }: Pick<KeptBlock, 'block' | 'commit'>): Promise<void> {
    const body = makeBody(block);
    await this.check(body, commit);
    await this.chain.apply(body, commit, 0);
  }

  private async check(body: Body, commit: KeptBlock['commit']): Promise<void> {
    const { chain } = this;
    const { chainId, validators, appHash, height } = chain.state;
    const { header } = body.block;
    const what = `block ${height + 1}`;
    if (!equalBytes(header.appHash, appHash)) {
      throw unfit(
        `${what} names the app hash ${toHex(header.appHash)}, but this program computed ${toHex(appHash)} for height ${height}`,
      );
    }
    if (!equalBlockIds(body.blockId, commit.blockId)) throw unfit(`${what} has a commit that is for another block`);
    try {
      await chain.verifyCommit(this.verifier, chainId, validators, commit.blockId, height + 1, commit);
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      throw unfit(`${what} has a commit that does not hold: ${error.message}`, error);
    }
    if ((await chain.judge(body)) === 'invalid') throw unfit(`${what} is not valid after height ${height}`);
  }
}

function unfit(what: string, cause?: unknown): BizraError<'block_unfit'> {
  return new BizraError('block_unfit', what, { cause });
}
