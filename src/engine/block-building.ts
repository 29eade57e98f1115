import type { DecodedTx } from '#app/tx.ts';
import { type Block, hashTxs } from '#types/block.ts';
import { type Commit, hashCommit, MAX_COMMIT_OVERHEAD_BYTES, MAX_COMMIT_SIG_BYTES } from '#types/commit.ts';
import { encodeEvidenceList, hashEvidenceList } from '#types/evidence.ts';
import { BLOCK_PROTOCOL } from '#types/limits.ts';
import { blockBytesMax, hashConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';
import { assert } from '#util/assert.ts';
import { type Body, makeBody } from './body.ts';
import type { ChainState } from './chain-state.ts';
import type { EvidencePool } from './evidence-pool.ts';
import { ProposalBudget } from './proposal-budget.ts';
import type { TxSupply } from './tx-supply.ts';

/** Framing of a block and its header at most (wire-formats 2): 11 and 626 bytes. */
const MAX_OVERHEAD_BYTES = 637;

export interface BlockBuilderComponents {
  readonly supply: Pick<TxSupply, 'reap' | 'hasWork'>;
  readonly evidence: Pick<EvidencePool, 'reap' | 'hasWork'>;
  /** This node's validator address, for blocks that it builds. */
  readonly address: Uint8Array | undefined;
}

/** Builds this node's own blocks from what the mempool and the evidence pool have. */
export class BlockBuilder {
  private readonly components: BlockBuilderComponents;
  private readonly budget = new ProposalBudget();

  constructor(components: BlockBuilderComponents) {
    this.components = components;
  }

  /** Whether a block that is built now would carry something. */
  hasWork(head: ChainState): boolean {
    const { supply, evidence } = this.components;
    return supply.hasWork() || evidence.hasWork(maxEvidenceBytes(head));
  }

  /** A block was applied this long after its proposal was seen. */
  heightApplied({ block }: Body, round: number, durationMs: number): void {
    const txBytes = block.txs.reduce((sum, tx) => sum + tx.length, 0);
    this.budget.heightApplied(txBytes, round, durationMs);
  }

  /** A fresh block on top of the head, smaller in late rounds. */
  build(head: ChainState, round: number, lastCommit: Commit, time: Time): Body {
    const { address, evidence: pool } = this.components;
    assert(address !== undefined, 'only a validator builds blocks');
    const evidence = pool.reap(maxEvidenceBytes(head));
    const txs = this.reap(head, round, encodeEvidenceList(evidence).length);
    const txHashes = txs.map(({ hash }) => hash);
    const block: Block = {
      header: {
        version: { block: BLOCK_PROTOCOL, app: head.params.version.app },
        chainId: head.chainId,
        height: head.height + 1,
        time,
        lastBlockId: head.lastBlockId,
        lastCommitHash: hashCommit(lastCommit),
        dataHash: hashTxs(txHashes),
        validatorsHash: head.validators.hash(),
        nextValidatorsHash: head.nextValidators.hash(),
        consensusHash: hashConsensusParams(head.params),
        appHash: head.appHash,
        lastResultsHash: head.lastResultsHash,
        evidenceHash: hashEvidenceList(evidence),
        proposerAddress: address,
      },
      txs: txs.map(({ bytes }) => bytes),
      evidence,
      lastCommit,
    };
    return makeBody(block, txHashes);
  }

  /** What the budget allows; a transaction that is larger than that goes alone. */
  private reap(head: ChainState, round: number, evidenceBytes: number): DecodedTx[] {
    const { supply } = this.components;
    const limit = maxDataBytes(head) - evidenceBytes;
    const maxGas = BigInt(head.params.block.maxGas);
    const txs = supply.reap(this.budget.bytes(round, limit), maxGas);
    return txs.length > 0 || !supply.hasWork() ? txs : supply.reap(limit, maxGas).slice(0, 1);
  }
}

/** Evidence goes first: transactions get what it leaves. */
function maxEvidenceBytes(head: ChainState): number {
  return Math.min(head.params.evidence.maxBytes, maxDataBytes(head));
}

/** Framed bytes of transactions and evidence that fit into a block whose last commit every validator signed. */
export function maxDataBytes({ params, validators, lastValidators }: ChainState): number {
  const signers = Math.max(validators.size, lastValidators?.size ?? 0);
  return blockBytesMax(params) - MAX_OVERHEAD_BYTES - MAX_COMMIT_OVERHEAD_BYTES - MAX_COMMIT_SIG_BYTES * signers;
}
