import type { Effect } from '#consensus/effect.ts';
import type { SignedMessage } from '#consensus/input.ts';
import type { FileSigner } from '#signer/signer.ts';
import type { Logger } from '#telemetry/logger.ts';
import { BizraError } from '#util/errors.ts';
import type { Chain } from './chain.ts';
import type { EngineLog } from './engine-log.ts';
import { type SignRequest, signRequest } from './recovery.ts';

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
