import type { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import type { Verifier, VerifyItem } from '#crypto/verifier.ts';
import type { Clock } from '#ports/clock.ts';
import type { State } from '#state/state.ts';
import { type Commit, type CommitSig, commitSignBytes, FLAG_ABSENT } from '#types/commit.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { equalBytes } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import type { Body } from './body.ts';
import type { Chain } from './chain.ts';
import { workSlice } from './work-slice.ts';

/** Signatures of commits that are handed over at once: 3 ms in the calling thread, and worth a trip to another one. */
const GROUP_SIGNATURES = 64;

/** A block that was decided elsewhere. */
export interface DecidedBlock {
  readonly body: Body;
  readonly commit: Commit;
}

export interface BlockPreparationComponents {
  readonly chain: Pick<Chain, 'state' | 'decodeAhead'>;
  readonly ledger: Pick<Ledger, 'verifyAhead'>;
  readonly state: Pick<State, 'prefetch'>;
  /** Remembers what it found valid: else preparing a commit would gain nothing. */
  readonly verifier: Verifier;
  readonly clock: Clock;
}

/**
 * Does for blocks that wait for their turn what needs no state before them: decodes their transactions and has all
 * signatures checked, of commits and of transactions, while earlier blocks are executed. Nothing here accepts or refuses
 * a block: what it finds valid is remembered, everything else is checked again in the block's turn.
 */
export class BlockPreparation {
  private readonly parts: BlockPreparationComponents;

  constructor(components: BlockPreparationComponents) {
    this.parts = components;
  }

  /** Resolves when all that can be known of these blocks is. Rejects only with faults of the machine. */
  async prepare(blocks: readonly DecidedBlock[]): Promise<void> {
    const pause = workSlice(this.parts.clock);
    const commits: Promise<unknown>[] = [];
    for await (const items of this.commitSignatures(blocks, pause)) {
      const verdicts = this.parts.verifier.verify(items);
      // Its rejection is met below; until then it must not count as unhandled.
      verdicts.catch(() => undefined);
      commits.push(verdicts);
    }
    await this.prepareTransactions(blocks, pause);
    await Promise.all(commits);
  }

  private async prepareTransactions(blocks: readonly DecidedBlock[], pause: Pause): Promise<void> {
    const { chain, ledger, state } = this.parts;
    const txs: DecodedTx[] = [];
    for (const { body } of blocks)
      for (const tx of await chain.decodeAhead(body, pause)) if (tx !== undefined) txs.push(tx);
    if (txs.length > 0) await ledger.verifyAhead(txs, { prefetch: (reads) => state.prefetch(reads), pause });
  }

  /** Those of the commits that decided the blocks, and of those inside them, by validators that are known now; in groups. */
  private async *commitSignatures(blocks: readonly DecidedBlock[], pause: Pause): AsyncGenerator<VerifyItem[]> {
    const { chainId, validators, nextValidators } = this.parts.chain.state;
    let group: VerifyItem[] = [];
    for (const { body, commit } of blocks) {
      const { header, lastCommit } = body.block;
      const known = [validators, nextValidators].find((set) => equalBytes(set.hash(), header.validatorsHash));
      if (known === undefined) continue;
      group.push(...signatureItems(chainId, known, commit), ...signatureItems(chainId, known, lastCommit));
      if (group.length >= GROUP_SIGNATURES) {
        yield group;
        group = [];
      }
      await pause();
    }
    if (group.length > 0) yield group;
  }
}

/** Where an entry is no vote of its validator there is nothing to check ahead. */
function signatureItems(chainId: string, validators: ValidatorSet, commit: Commit): VerifyItem[] {
  return commit.signatures.flatMap(({ flag, validatorAddress, signature }: CommitSig, index) => {
    const validator = flag === FLAG_ABSENT ? undefined : validators.get(index);
    if (validator === undefined || !equalBytes(validator.address, validatorAddress)) return [];
    const { type, bytes } = validator.pubKey;
    return [{ type, publicKey: bytes, message: commitSignBytes(chainId, commit, index), signature }];
  });
}
