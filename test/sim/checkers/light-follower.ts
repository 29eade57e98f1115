import type { Verifier } from '#crypto/verifier.ts';
import type { Commit } from '#types/commit.ts';
import { FLAG_COMMIT } from '#types/commit.ts';
import { verifyCommit, verifyCommitLightTrusting } from '#types/commit-verification.ts';
import { hasOneThird } from '#types/quorum.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { type Applied, Violation } from './checkers.ts';

/** Heights over which the follower also jumps, from a set that it trusts to a commit of a later one. */
const JUMP_HEIGHTS = 8;

/**
 * Follows the chain as a light client does, from the validators of genesis on: each header is signed by the set that
 * the header before announced, every signature that the chain keeps is valid, and jumps arrive where steps do. It
 * believes no node: sets are taken from one and compared with what the headers promise.
 */
export class LightFollower {
  private readonly verifier: Verifier;
  private readonly chainId: string;
  /** Signs the height that comes next. */
  private promised: Uint8Array;
  private last: { readonly applied: Applied; readonly validators: ValidatorSet | undefined } | undefined;
  private trusted: { readonly height: number; readonly validators: ValidatorSet } | undefined;

  constructor(verifier: Verifier, chainId: string, genesisValidators: ValidatorSet) {
    this.verifier = verifier;
    this.chainId = chainId;
    this.promised = genesisValidators.hash();
  }

  /**
   * `validators` signed the height, as the node that applied it says; where it does not know any more, the signatures
   * of that height are not looked at. Called for each height once, in order.
   */
  async follow(applied: Applied, validators: ValidatorSet | undefined): Promise<void> {
    const { header, lastCommit } = applied.block;
    const { last, promised } = this;
    this.last = { applied, validators };
    this.promised = header.nextValidatorsHash;
    this.same('validators hash', applied, header.validatorsHash, promised);
    if (validators !== undefined) this.same('validators', applied, validators.hash(), header.validatorsHash);
    this.trusted ??= validators && { height: applied.height, validators };
    if (last === undefined) return;
    const { blockId, height } = last.applied;
    this.same('last block', applied, header.lastBlockId.hash, blockId.hash);
    const signers = last.validators;
    if (signers === undefined) return;
    await this.check(applied, () => verifyCommit(this.verifier, this.chainId, signers, blockId, height, lastCommit));
    await this.jump(last.applied, signers, lastCommit);
  }

  private async jump(applied: Applied, validators: ValidatorSet, commit: Commit): Promise<void> {
    const { trusted } = this;
    if (trusted === undefined || applied.height - trusted.height < JUMP_HEIGHTS) return;
    this.trusted = { height: applied.height, validators };
    let power = 0n;
    for (const { flag, validatorAddress } of commit.signatures) {
      const known = trusted.validators.get(trusted.validators.indexOf(validatorAddress));
      if (flag === FLAG_COMMIT) power += known?.votingPower ?? 0n;
    }
    if (!hasOneThird(power, trusted.validators.totalPower)) return;
    await this.check(applied, () => verifyCommitLightTrusting(this.verifier, this.chainId, trusted.validators, commit));
  }

  private same(what: string, { height, machine }: Applied, actual: Uint8Array, expected: Uint8Array): void {
    if (toHex(actual) === toHex(expected)) return;
    throw new Violation('light follows', `${machine} at height ${height}: ${what} is not what was promised`);
  }

  private async check({ height, machine }: Applied, verify: () => Promise<void>): Promise<void> {
    try {
      await verify();
    } catch (error) {
      if (!(error instanceof BizraError)) throw error;
      throw new Violation('light follows', `${machine} at height ${height}: ${error.message}`);
    }
  }
}
