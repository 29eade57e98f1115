import { InlineVerifier } from '#crypto/verifier.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { KeyGuard, type KeyPast } from '#engine/key-guard.ts';
import { FileSigner } from '#signer/signer.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { Wal } from '#storage/wal.ts';
import { CATCHING_UP_HEIGHTS } from '#sync/block-sync.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Time } from '#types/time.ts';
import type { NodePorts } from './node-ports.ts';

/** What the files of a home tell of the validator key's past, beside its signing record. */
export function keyPast(state: ChainState, blockStore: BlockStore, wal: Wal, address: Uint8Array): KeyPast {
  const { validators, nextValidators, height } = state;
  return {
    head: height,
    isValidator: validators.indexOf(address) >= 0 || nextValidators.indexOf(address) >= 0,
    commitAt: (at) => blockStore.commit(at),
    records: wal.records,
  };
}

/**
 * A height that the chain has come to for certain while this node still sees its past: peers are well ahead, or the block
 * is older than this process. What the key signed there, it signed in an earlier one; and a peer that tells slowly, one
 * height at a time, would make each of them look like the newest.
 */
export function pastHeight(
  { height, lastBlockTime }: ChainState,
  { startedAt, catchingUp }: { readonly startedAt: Time; readonly catchingUp: boolean },
): number | undefined {
  if (catchingUp) return height + CATCHING_UP_HEIGHTS - 1;
  return lastBlockTime < startedAt ? height : undefined;
}

/** Undefined where there is no key to guard. */
export function makeKeyGuard(
  { signer, voteVerifier, logger, onFatal }: Pick<NodePorts, 'signer' | 'voteVerifier' | 'logger' | 'onFatal'>,
  chainId: string,
  metrics: NodeMetrics | undefined,
): KeyGuard | undefined {
  // Other signers are the tests' own.
  if (!(signer instanceof FileSigner)) return undefined;
  return new KeyGuard({
    signer,
    verifier: voteVerifier ?? new InlineVerifier(),
    chainId,
    logger: logger.child('signer'),
    metrics,
    onFatal,
  });
}
