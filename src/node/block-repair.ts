import type { Verifier } from '#crypto/verifier.ts';
import type { Chain } from '#engine/chain.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { PeerId } from '#ports/transport.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { SyncPeers } from '#sync/block-sync.ts';
import type { Logger } from '#telemetry/logger.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { verifyCommit } from '#types/commit-verification.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { FetchedBody } from './sync-adapter.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const ANSWER_MAX_BYTES = 128 * 1024 * 1024;
/** Between two attempts at one height: others' requests must not make this node send many. */
const RETRY_MS = 10_000;

/** What is known of a damaged block. */
interface Place {
  readonly height: number;
  readonly validators: ValidatorSet;
  /** After it. */
  readonly appHash: Uint8Array;
}

export interface BlockRepairComponents {
  readonly kv: KeyValue;
  readonly chain: Pick<Chain, 'state'>;
  readonly blockStore: BlockStore;
  readonly peers: Pick<SyncPeers<FetchedBody>, 'heads' | 'fetch' | 'blame'>;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFatal: (error: unknown) => void;
}

/**
 * Fetches a decided block again whose records turned out to be damaged. A peer's block is taken when the validators of
 * its height signed it, so it is the one that was stored. What came of a block cannot be fetched: damaged results stay an
 * error for whoever asks for them.
 */
export class BlockRepair {
  private readonly components: BlockRepairComponents;
  /** When each damaged height was last tried. */
  private readonly triedMs = new Map<number, number>();

  constructor(components: BlockRepairComponents) {
    this.components = components;
  }

  /** Reads something of a height. Damage is thrown as ever, and begins a repair. */
  read<T>(height: number, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof MachineError && error.code === 'damaged') this.begin(height, error);
      throw error;
    }
  }

  private begin(height: number, damage: Error): void {
    const { clock, logger, onFatal } = this.components;
    const now = clock.monotonicMs();
    if (now - (this.triedMs.get(height) ?? Number.NEGATIVE_INFINITY) < RETRY_MS) return;
    this.triedMs.set(height, now);
    logger.error('a stored block is damaged: asking peers for it', { height, reason: damage.message });
    this.repair(height).catch(onFatal);
  }

  private async repair(height: number): Promise<void> {
    const { peers, logger } = this.components;
    const place = await this.placeOf(height);
    if (place === undefined) return;
    for (const { peer, base, head } of peers.heads()) {
      if (height < base || height > head) continue;
      const found = await this.fetch(peer, place);
      if (found === undefined) continue;
      await this.write(place, found);
      this.triedMs.delete(height);
      logger.warn('a damaged block was fetched again', { height, peer });
      return;
    }
    logger.error('no peer has the block that is damaged here', { height });
  }

  /** Undefined where records beside it are damaged as well: a peer's request must not end a node over an old height. */
  private async placeOf(height: number): Promise<Place | undefined> {
    const { blockStore, chain, logger } = this.components;
    try {
      const validators = await blockStore.validators(height);
      // The state after a height is in the header of the next one.
      const next = height < chain.state.height ? blockStore.meta(height + 1)?.header.appHash : undefined;
      return { height, validators, appHash: next ?? chain.state.appHash };
    } catch (error) {
      if (!(error instanceof BizraError) || (error instanceof MachineError && error.code !== 'damaged')) throw error;
      logger.error('a damaged block cannot be fetched again: records beside it are damaged, too', {
        height,
        reason: error.message,
      });
      return undefined;
    }
  }

  /** Undefined when the peer has no block that the height's validators signed. */
  private async fetch(peer: PeerId, { height, validators }: Place): Promise<FetchedBody | undefined> {
    const { peers, chain, verifier } = this.components;
    let fetched: FetchedBody | undefined;
    try {
      [fetched] = await peers.fetch(peer, height, 1, ANSWER_MAX_BYTES, REQUEST_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
    }
    if (fetched === undefined || fetched.height !== height) return undefined;
    const { body, commit } = fetched;
    try {
      if (!equalBlockIds(body.blockId, commit.blockId)) throw new BizraError('invalid_block', 'a commit for another');
      await verifyCommit(verifier, chain.state.chainId, validators, commit.blockId, height, commit);
      return fetched;
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      peers.blame(peer, error.code);
      return undefined;
    }
  }

  private async write({ height, appHash }: Place, { body, commit }: FetchedBody): Promise<void> {
    const { kv, blockStore } = this.components;
    // Pruned meanwhile.
    if (height < blockStore.base) return;
    const batch = kv.batch();
    blockStore.putAgain(batch, {
      height,
      blockId: body.blockId,
      block: body.block,
      blockBytes: body.bytes,
      commit,
      appHash,
    });
    await batch.write({ sync: true });
  }
}
