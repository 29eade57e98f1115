import { InlineVerifier } from '#crypto/verifier.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { KeyGuard, type KeyPast } from '#engine/key-guard.ts';
import { FileSigner } from '#signer/signer.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { Wal } from '#storage/wal.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
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
