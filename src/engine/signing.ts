import type { Effect } from '#consensus/effect.ts';
import type { SignedMessage } from '#consensus/input.ts';
import { isLowWatermark } from '#signer/last-signed.ts';
import type { FileSigner } from '#signer/signer.ts';
import type { Logger } from '#telemetry/logger.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import type { Time } from '#types/time.ts';
import { PREVOTE } from '#types/vote.ts';
import { BizraError } from '#util/errors.ts';
import type { Chain } from './chain.ts';
import type { EngineLog } from './engine-log.ts';
import { type SignRequest, signRequest } from './recovery.ts';

/** Proposers of rounds are counted one by one, on every node: a slip of the pen must not keep them all busy. */
const WATERMARK_ROUND_MAX = 10_000;

export interface SigningComponents {
  /** Absent on a node that has no validator key in use. */
  readonly signer: FileSigner | undefined;
  readonly chain: Pick<Chain, 'state'>;
  readonly log: EngineLog;
  readonly logger: Logger;
  /** Nothing may be signed up to this height, beside what the log forbids; asked before each signature. */
  readonly mutedHeight?: (() => number) | undefined;
  /** From then on nothing is signed. */
  readonly isStopping: () => boolean;
  readonly onSigned: (message: SignedMessage) => void;
  readonly onRefused: (request: SignRequest) => void;
}

/** Signs what the core asks for, where nothing forbids it: a signature leaves only after the log that led to it is on disk. */
export class Signing {
  private readonly components: SigningComponents;

  constructor(components: SigningComponents) {
    this.components = components;
  }

  async sign(effect: Extract<Effect, { kind: 'sign' }>): Promise<void> {
    const { signer, log, logger, isStopping, onSigned, onRefused } = this.components;
    const request = signRequest(effect);
    const { height } = request;
    const mutedHeight = Math.max(log.mutedHeight, this.components.mutedHeight?.() ?? 0);
    if (signer === undefined || height <= mutedHeight) return onRefused(request);
    if (log.isDirty) await log.sync();
    if (isStopping()) return;
    try {
      onSigned(await this.signed(signer, effect.message));
    } catch (error) {
      if (!(error instanceof BizraError) || error.code !== 'double_sign') throw error;
      logger.error('the signer refused', { ...request, reason: error.message });
      onRefused(request);
    }
  }

  /**
   * A height begins. A key that signs from a later round on (a low watermark) says so at once, by a prevote for nil in that
   * round: nobody leaves a round without its votes, and it may cast none in theirs. Where it has more than a third of the
   * power, its own core and all others follow it there (L55). A prevote for nil breaks no lock.
   */
  async beginHeight(now: Time): Promise<void> {
    const { signer, chain } = this.components;
    if (signer === undefined || !isLowWatermark(signer.lastSigned)) return;
    const { height, round } = signer.lastSigned;
    const validatorIndex = chain.state.validators.indexOf(signer.address);
    if (height !== chain.state.height + 1 || validatorIndex < 0 || round > WATERMARK_ROUND_MAX) return;
    const place = { type: PREVOTE, height, round, blockId: NIL_BLOCK_ID, timestamp: now } as const;
    const vote = { ...place, validatorAddress: signer.address, validatorIndex };
    await this.sign({ kind: 'sign', message: { kind: 'vote', vote } });
  }

  private async signed(
    signer: FileSigner,
    message: Extract<Effect, { kind: 'sign' }>['message'],
  ): Promise<SignedMessage> {
    const { chainId } = this.components.chain.state;
    return message.kind === 'vote'
      ? { kind: 'vote', vote: await signer.signVote(chainId, message.vote) }
      : { kind: 'proposal', proposal: await signer.signProposal(chainId, message.proposal) };
  }
}
