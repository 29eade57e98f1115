/**
 * Algorithm 1 of arXiv 1807.04938 as it is printed, over a log of messages, for one of four equal validators: slow and
 * plain. It differs where the core's own rules say so: of a validator's rounds ahead only the highest is kept, only votes
 * are counted for L55, the proposer times itself too, and L42 also fires for rounds that are over. Bodies are always at
 * hand; blocks whose name starts with X are invalid.
 */

export type Value = string;
export const NIL: Value = 'nil';

interface ModelVote {
  readonly type: 'prevote' | 'precommit';
  readonly round: number;
  readonly value: Value;
  readonly from: number;
}

interface ModelProposal {
  readonly value: Value;
  readonly polRound: number;
}

type Message =
  | { readonly kind: 'vote'; readonly vote: ModelVote }
  | { readonly kind: 'proposal'; readonly round: number; readonly proposal: ModelProposal }
  | { readonly kind: 'built'; readonly round: number };

const VALIDATORS = 4;
const TWO_THIRDS = 3;
const ONE_THIRD = 2;
const ROUNDS_AHEAD = 4;

const isValid = (value: Value): boolean => !value.startsWith('X');

export class PaperModel {
  round = -1;
  step: 'propose' | 'prevote' | 'precommit' | 'commit' = 'propose';
  lockedValue: Value | undefined;
  lockedRound = -1;
  validValue: Value | undefined;
  validRound = -1;
  decision: { readonly value: Value; readonly round: number } | undefined;
  /** What was broadcast and decided since it was last taken. */
  said: string[] = [];
  private readonly me: number;
  private readonly proposerOf: (round: number) => number;
  private readonly proposals = new Map<number, ModelProposal>();
  private votes: ModelVote[] = [];
  private readonly own: Message[] = [];
  private readonly started = new Set<string>();

  constructor(me: number, proposerOf: (round: number) => number) {
    this.me = me;
    this.proposerOf = proposerOf;
    this.startRound(0);
    this.settle();
  }

  takeProposal(round: number, value: Value, polRound: number): void {
    this.addProposal(round, { value, polRound });
    this.settle();
  }

  takeVote(vote: ModelVote): void {
    this.addVote(vote);
    this.settle();
  }

  /** L57, L61, L65. */
  takeTimeout(step: 'propose' | 'prevoteWait' | 'precommitWait', round: number): void {
    if (this.decision !== undefined || round !== this.round) return;
    if (step === 'propose' && this.step === 'propose') this.vote('prevote', NIL);
    if (step === 'prevoteWait' && this.step === 'prevote' && this.started.has(`34/${round}`))
      this.vote('precommit', NIL);
    if (step === 'precommitWait' && this.started.has(`47/${round}`)) this.startRound(round + 1);
    this.settle();
  }

  get summary(): string {
    const pair = (value: Value | undefined, round: number): string => (value === undefined ? '-' : `${value}@${round}`);
    return `2/${this.round}/${this.step} locked=${pair(this.lockedValue, this.lockedRound)} valid=${pair(this.validValue, this.validRound)}`;
  }

  /** Clauses until none applies; then an own message arrives, as any other would. */
  private settle(): void {
    for (;;) {
      while (this.decision === undefined && this.applyOne());
      const message = this.own.shift();
      if (message === undefined) return;
      if (message.kind === 'vote') this.addVote(message.vote);
      else if (message.kind === 'proposal') this.addProposal(message.round, message.proposal);
      else this.takeBuilt(message.round);
    }
  }

  private applyOne(): boolean {
    return (
      this.line49() ||
      this.line55() ||
      this.line22() ||
      this.line28() ||
      this.line36() ||
      this.line42Late() ||
      this.line44() ||
      this.line34() ||
      this.line47()
    );
  }

  /** L11-21. */
  private startRound(round: number): void {
    this.round = round;
    this.step = 'propose';
    if (this.proposerOf(round) !== this.me || this.proposals.has(round)) return;
    if (this.validValue !== undefined) this.propose();
    else this.own.push({ kind: 'built', round });
  }

  /** L18 takes a moment, in which a valid value may turn up (L16). */
  private takeBuilt(round: number): void {
    if (this.decision === undefined && round === this.round && this.step === 'propose' && !this.proposals.has(round))
      this.propose();
  }

  private propose(): void {
    const { round } = this;
    const proposal = { value: this.validValue ?? `M${round}`, polRound: this.validRound };
    this.own.push({ kind: 'proposal', round, proposal });
    this.said.push(`publish proposal r${round} ${proposal.value} pol=${proposal.polRound}`);
  }

  private line22(): boolean {
    const proposal = this.proposals.get(this.round);
    if (this.step !== 'propose' || proposal === undefined || proposal.polRound !== -1) return false;
    const { value } = proposal;
    const accepted = isValid(value) && (this.lockedRound === -1 || this.lockedValue === value);
    this.vote('prevote', accepted ? value : NIL);
    return true;
  }

  private line28(): boolean {
    const proposal = this.proposals.get(this.round);
    if (this.step !== 'propose' || proposal === undefined) return false;
    const { value, polRound } = proposal;
    if (polRound < 0 || polRound >= this.round || !this.has(TWO_THIRDS, 'prevote', polRound, value)) return false;
    const accepted = isValid(value) && (this.lockedRound <= polRound || this.lockedValue === value);
    this.vote('prevote', accepted ? value : NIL);
    return true;
  }

  private line34(): boolean {
    const { round } = this;
    if (this.step !== 'prevote' || this.started.has(`34/${round}`)) return false;
    if (this.count('prevote', round) < TWO_THIRDS) return false;
    this.started.add(`34/${round}`);
    return true;
  }

  private line36(): boolean {
    const { round } = this;
    const value = this.valuesOf(round).find((each) => this.has(TWO_THIRDS, 'prevote', round, each));
    if (value === undefined || !isValid(value) || this.step === 'propose' || this.started.has(`36/${round}`))
      return false;
    this.started.add(`36/${round}`);
    if (this.step === 'prevote') {
      this.lockedValue = value;
      this.lockedRound = round;
      this.vote('precommit', value);
    }
    this.validValue = value;
    this.validRound = round;
    return true;
  }

  /** Not in the paper: a polka of a round that is over, newer than what is valid. */
  private line42Late(): boolean {
    for (let round = this.validRound + 1; round < this.round; round++) {
      const value = this.valuesOf(round).find((each) => isValid(each) && this.has(TWO_THIRDS, 'prevote', round, each));
      if (value === undefined) continue;
      this.validValue = value;
      this.validRound = round;
      return true;
    }
    return false;
  }

  private line44(): boolean {
    if (this.step !== 'prevote' || !this.has(TWO_THIRDS, 'prevote', this.round, NIL)) return false;
    this.vote('precommit', NIL);
    return true;
  }

  private line47(): boolean {
    const { round } = this;
    if (this.started.has(`47/${round}`) || this.count('precommit', round) < TWO_THIRDS) return false;
    this.started.add(`47/${round}`);
    return true;
  }

  private line49(): boolean {
    for (const { round, value } of this.votes) {
      if (round > this.round || value === NIL || !this.has(TWO_THIRDS, 'precommit', round, value) || !isValid(value))
        continue;
      this.decision = { value, round };
      this.step = 'commit';
      this.said.push(`commit ${value} r${round}`);
      return true;
    }
    return false;
  }

  private line55(): boolean {
    const ahead = [...new Set(this.votes.map(({ round }) => round))]
      .filter((round) => round > this.round)
      .sort((a, b) => b - a);
    for (const round of ahead) {
      const senders = new Set(this.votes.filter((vote) => vote.round >= round).map(({ from }) => from));
      if (senders.size < ONE_THIRD) continue;
      this.startRound(round);
      return true;
    }
    return false;
  }

  private vote(type: ModelVote['type'], value: Value): void {
    const { round, me } = this;
    this.step = type;
    this.own.push({ kind: 'vote', vote: { type, round, value, from: me } });
    this.said.push(`publish ${type} r${round} ${value}`);
  }

  private addProposal(round: number, proposal: ModelProposal): void {
    const isLate = this.decision !== undefined || round < this.round || round > this.round + ROUNDS_AHEAD;
    if (!isLate && !this.proposals.has(round) && proposal.polRound < round) this.proposals.set(round, proposal);
  }

  private addVote(vote: ModelVote): void {
    const { from, round, type } = vote;
    if (this.votes.some((other) => other.from === from && other.round === round && other.type === type)) return;
    const isAhead = (other: ModelVote): boolean => other.from === from && other.round > this.round;
    if (round > this.round) {
      if (this.votes.some((other) => isAhead(other) && other.round > round)) return;
      this.votes = this.votes.filter((other) => !isAhead(other) || other.round === round);
    }
    this.votes.push(vote);
  }

  private valuesOf(round: number): Value[] {
    return [
      ...new Set(this.votes.filter((vote) => vote.round === round && vote.value !== NIL).map(({ value }) => value)),
    ];
  }

  private has(quorum: number, type: ModelVote['type'], round: number, value: Value): boolean {
    return (
      this.votes.filter((vote) => vote.type === type && vote.round === round && vote.value === value).length >= quorum
    );
  }

  private count(type: ModelVote['type'], round: number): number {
    return this.votes.filter((vote) => vote.type === type && vote.round === round).length;
  }

  /** A block with +2/3 precommits that is invalid: the core stops there, and so does a run. */
  get isBroken(): boolean {
    return this.votes.some(
      ({ round, value }) =>
        round <= this.round && !isValid(value) && this.has(VALIDATORS - 1, 'precommit', round, value),
    );
  }
}
