import type { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { HeightContext, TimeoutStep } from '#consensus/input.ts';
import type { Wal } from '#storage/wal.ts';
import { blockIdKey } from '#types/block-id.ts';
import type { VoteType } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import { type Body, makeBody } from './body.ts';
import { decodeWalRecord, type HeightParent, type LoggedInput, parentOf, startsHeightOrMutes } from './wal-record.ts';

/** Steps of the signer's record, in the order in which a round signs (wire-formats 3.6). */
const SIGNER_STEP = { proposal: 1, prevote: 2, precommit: 3 } as const;

export interface LastSigned {
  readonly height: number;
  readonly round: number;
  readonly step: number;
}

/** What was to be signed. */
export interface SignRequest {
  readonly height: number;
  readonly round: number;
  readonly type: VoteType | 'proposal';
}

/** The height under way. */
export interface HeightUnderWay {
  readonly context: HeightContext;
  readonly parent: HeightParent;
}

export interface RecoveredHeight {
  /** False when the log holds nothing of this height on this chain: it is to be started. */
  readonly started: boolean;
  /** One for each block of the log, which can have a block twice: the core keeps either. */
  readonly bodies: readonly Body[];
  /** What the core asked for and the log does not answer. */
  readonly effects: readonly Effect[];
  /**
   * Signatures that were asked for together with a later one, which the key has made: these were made before it and may
   * have left, and the key remembers its last alone.
   */
  readonly lostSignatures: readonly SignRequest[];
  /**
   * Nothing may be signed up to this height: the key signed what the log does not lead to, now or before an earlier start.
   * It may be locked there on a block that nobody here knows, and must not vote for another one.
   */
  readonly mutedHeight: number;
}

/**
 * Feeds the log of an unfinished height to the core again. The core is deterministic, so it stands where it stood;
 * whatever it signed it asks for again with the same bytes. A log that is damaged, or of another chain or another last block, leads to
 * nothing: where the key has signed at such a height, it signs nothing more there.
 */
export function recoverHeight(
  consensus: Consensus,
  { context, parent }: HeightUnderWay,
  { records, damage }: Pick<Wal, 'records' | 'damage'>,
  lastSigned: LastSigned | undefined,
): RecoveredHeight {
  const { inputs, mutedHeight } = readLog(records, context.height, parent);
  // A record without a step tells where the key may sign next, not what it signed: the key itself keeps to it.
  const signed = lastSigned?.step === 0 ? undefined : lastSigned;
  const signedHeight = signed?.height ?? 0;
  if (damage !== undefined || inputs === undefined) {
    const lostHeight = damage === undefined ? signedHeight : damagedHeight(context.height, lastSigned);
    const muted = Math.max(mutedHeight, lostHeight);
    return { started: false, bodies: [], effects: [], lostSignatures: [], mutedHeight: muted };
  }
  const bodies: Body[] = [];
  const open = new OpenEffects();
  for (const input of inputs) {
    if (input.kind === 'block' || input.kind === 'blockBuilt') {
      bodies.push(makeBody(input.block));
    }
    open.answer(input);
    const effects = consensus.handle(
      input.kind === 'newHeight' ? { kind: 'newHeight', now: input.now, context } : input,
    );
    for (const effect of effects) open.add(effect);
  }
  const lostSignatures = signed === undefined ? [] : open.takeSignaturesBefore(signed);
  return {
    started: true,
    bodies,
    effects: open.list(),
    lostSignatures,
    mutedHeight: signed === undefined || open.asked(signed) ? mutedHeight : Math.max(mutedHeight, signedHeight),
  };
}

/**
 * Up to where a damaged log mutes. The record is on the disk before a signature leaves: where it stands below `height`,
 * nothing was signed there, so there is no vote and no lock to contradict, and the height begins like any other.
 */
function damagedHeight(height: number, lastSigned: LastSigned | undefined): number {
  const { height: reached, step } = lastSigned ?? { height: 0, step: 0 };
  if (reached < height) return 0;
  return step === 0 ? height : reached;
}

/**
 * Inputs from the last start of `height` on this parent, or none when the log never reached it; and how long it forbids to
 * sign, whatever chain it is of.
 */
function readLog(records: readonly Uint8Array[], height: number, parent: HeightParent) {
  const expected = parentOf(parent);
  let mutedHeight = 0;
  let inputs: LoggedInput[] | undefined;
  for (const bytes of records) {
    // What belongs to earlier heights is passed over unread: the log may hold many of them.
    if (inputs === undefined && !startsHeightOrMutes(bytes)) continue;
    const record = decodeWalRecord(bytes);
    if (record.kind === 'muted') mutedHeight = Math.max(mutedHeight, record.height);
    else if (record.kind === 'newHeight') {
      const follows = record.height === height && equalBytes(record.parent ?? expected, expected);
      inputs = follows ? [record] : undefined;
    } else inputs?.push(record);
  }
  return { inputs: inputs !== undefined && isOfState(inputs, parent) ? inputs : undefined, mutedHeight };
}

/** A replayed block is not judged again, so those that the log calls valid must name the state that they stand on. */
function isOfState(inputs: readonly LoggedInput[], { appHash }: HeightParent): boolean {
  const others = new Set<string>();
  for (const input of inputs) {
    const isBlock = input.kind === 'block' || input.kind === 'blockBuilt';
    if (isBlock && !equalBytes(input.block.header.appHash, appHash)) others.add(blockIdKey(input.blockId));
    if (input.kind === 'blockValidity' && input.verdict !== 'invalid' && others.has(blockIdKey(input.blockId)))
      return false;
  }
  return true;
}

/** Effects that are still waiting for their answer, and every signature that was ever asked for. */
class OpenEffects {
  private readonly waiting = new Map<string, Effect>();
  private readonly signatures = new Set<string>();

  add(effect: Effect): void {
    switch (effect.kind) {
      case 'sign': {
        const { height, round, type } = signRequest(effect);
        this.signatures.add(placeKey(height, round, signerStep(type)));
        this.waiting.set(`sign/${round}/${type}`, effect);
        return;
      }
      case 'schedule':
        this.waiting.set(timerKey(effect.step), effect);
        return;
      case 'buildBlock':
        this.waiting.set(`build/${effect.round}`, effect);
        return;
      case 'requestBlock':
        this.waiting.set(`request/${blockIdKey(effect.blockId)}`, effect);
        return;
      case 'validate':
        this.waiting.set(`validate/${blockIdKey(effect.blockId)}`, effect);
        return;
      case 'commit':
        this.waiting.set('commit', effect);
        return;
      case 'evidence':
        this.waiting.set(`evidence/${this.waiting.size}`, effect);
        return;
      // Peers report what they lack, so nothing is published twice; execution is speculative and starts anew.
      case 'publish':
      case 'execute':
      case 'progress':
      // What was redelivered follows in the log as inputs of its own.
      case 'redeliver':
        return;
    }
  }

  answer(input: LoggedInput): void {
    switch (input.kind) {
      case 'signed':
        this.answerSignature(signRequest(input));
        return;
      case 'signRefused':
        this.waiting.delete(`sign/${input.round}/${input.type}`);
        return;
      case 'timeout':
        this.answerTimer(input);
        return;
      case 'blockBuilt':
        this.waiting.delete(`build/${input.round}`);
        return;
      case 'block':
        this.waiting.delete(`request/${blockIdKey(input.blockId)}`);
        return;
      case 'blockValidity':
        this.waiting.delete(`validate/${blockIdKey(input.blockId)}`);
        return;
      default:
        return;
    }
  }

  /** The log leads to what it holds, also where the core did not ask: a key that begins in a later round votes by itself. */
  private answerSignature({ height, round, type }: SignRequest): void {
    this.signatures.add(placeKey(height, round, signerStep(type)));
    this.waiting.delete(`sign/${round}/${type}`);
  }

  /** A timer that had fired already when its step was scheduled anew is no answer to the newer one. */
  private answerTimer({ height, round, step }: Extract<LoggedInput, { kind: 'timeout' }>): void {
    const effect = this.waiting.get(timerKey(step));
    if (effect?.kind === 'schedule' && effect.height === height && effect.round === round)
      this.waiting.delete(timerKey(step));
  }

  list(): Effect[] {
    return [...this.waiting.values()];
  }

  takeSignaturesBefore(last: LastSigned): SignRequest[] {
    const taken: SignRequest[] = [];
    for (const [key, effect] of this.waiting) {
      if (effect.kind !== 'sign') continue;
      const request = signRequest(effect);
      const { height, round, type } = request;
      if ((height - last.height || round - last.round || signerStep(type) - last.step) >= 0) continue;
      this.waiting.delete(key);
      taken.push(request);
    }
    return taken;
  }

  asked({ height, round, step }: LastSigned): boolean {
    return this.signatures.has(placeKey(height, round, step));
  }
}

/** Of a question or of its answer: messages of both say where they stand. */
export function signRequest({ message }: Pick<Extract<Effect, { kind: 'sign' }>, 'message'>): SignRequest {
  const { height, round } = message.kind === 'vote' ? message.vote : message.proposal;
  return { height, round, type: message.kind === 'vote' ? message.vote.type : 'proposal' };
}

function placeKey(height: number, round: number, step: number): string {
  return `${height}/${round}/${step}`;
}

function timerKey(step: TimeoutStep): string {
  return `timer/${step}`;
}

function signerStep(type: SignRequest['type']): number {
  if (type === 'proposal') return SIGNER_STEP.proposal;
  return type === 1 ? SIGNER_STEP.prevote : SIGNER_STEP.precommit;
}
