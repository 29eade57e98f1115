import type { AppliedHeight } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import { FLAG_ABSENT } from '#types/commit.ts';
import type { ValidatorSet } from '#types/validator-set.ts';

const NANOSECONDS_PER_SECOND = 1e9;

/** Writes what each applied height says into the metrics. */
export class ChainMetrics {
  private readonly metrics: NodeMetrics['consensus'];
  /** This node's validator address. */
  private readonly address: Uint8Array | undefined;
  private last: ChainState;

  /** `current`: the chain's state at the start. */
  constructor(metrics: NodeMetrics, address: Uint8Array | undefined, current: ChainState) {
    this.metrics = metrics.consensus;
    this.address = address;
    this.last = current;
    this.chain(current);
  }

  applied({ body, state }: AppliedHeight): void {
    const { metrics, last } = this;
    const { txs, evidence } = body.block;
    this.last = state;
    this.chain(state);
    metrics.numTxs.set(txs.length);
    metrics.totalTxs.add(txs.length);
    metrics.blockSizeBytes.set(body.bytes.length);
    metrics.byzantineValidators.set(evidence.length);
    // Genesis time is no block's: the first block comes when the network does.
    if (state.height > state.initialHeight) {
      metrics.blockIntervalSeconds.observe(Number(state.lastBlockTime - last.lastBlockTime) / NANOSECONDS_PER_SECOND);
    }
    // The commit in the block has the precommits that came late, too; it is of the height below.
    if (last.lastValidators !== undefined) this.missing(body.block.lastCommit.signatures, last.lastValidators);
  }

  private chain({ height, validators }: ChainState): void {
    this.metrics.latestBlockHeight.set(height);
    this.metrics.validators.set(validators.size);
    this.metrics.validatorsPower.set(Number(validators.totalPower));
  }

  private missing(signatures: readonly { readonly flag: number }[], signers: ValidatorSet): void {
    const { metrics, address } = this;
    const absent = signers.validators.filter((_, index) => signatures[index]?.flag === FLAG_ABSENT);
    metrics.missingValidators.set(absent.length);
    metrics.missingValidatorsPower.set(Number(absent.reduce((sum, { votingPower }) => sum + votingPower, 0n)));
    const own = address === undefined ? -1 : signers.indexOf(address);
    if (signatures[own]?.flag === FLAG_ABSENT) metrics.validatorMissedBlocks.add();
  }
}
