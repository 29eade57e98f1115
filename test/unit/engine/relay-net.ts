import { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { HeightContext, Input, SignedMessage } from '#consensus/input.ts';
import { relevantRounds } from '#engine/relevant-rounds.ts';
import { type PeerProgress, VoteRelay } from '#engine/vote-relay.ts';
import type { RoundStepMessage } from '#network/messages.ts';
import type { Timer } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { idOf, makeBlock, makeValidators, START, signatureOf } from '../consensus/bench.ts';

/** What travels between two nodes. */
export type Wire =
  | SignedMessage
  | { readonly kind: 'claim'; readonly round: number; readonly type: VoteType; readonly blockId: BlockId }
  | { readonly kind: 'report'; readonly report: RoundStepMessage };

/** Whether a message gets through, loss apart. */
export type Filter = (from: number, to: number, message: Wire) => boolean;

const HEIGHT = 1;
const MIN_DELAY_MS = 2;
const MAX_DELAY_MS = 40;

/** One core with the real relay, and as little of the rest of a node as it takes. */
class RelayNode {
  readonly core: Consensus;
  readonly peers: PeerProgress = new Map();
  readonly relay: VoteRelay;
  alive = true;
  private readonly index: number;
  private readonly net: RelayNet;
  private readonly timers = new Map<string, Timer>();

  constructor(net: RelayNet, index: number) {
    this.net = net;
    this.index = index;
    this.core = new Consensus({ address: net.validators.get(index)?.address });
    this.relay = new VoteRelay({
      consensus: this.core,
      clock: net.clock,
      peers: this.peers,
      outlet: {
        sendVotes: (peer, votes) => {
          for (const vote of votes) this.send(peer, { kind: 'vote', vote });
        },
        sendProposal: (peer, round) => {
          const proposal = this.core.proposal(round);
          if (proposal !== undefined) this.send(peer, { kind: 'proposal', proposal });
        },
        sendClaim: (peer, claim) => this.send(peer, { kind: 'claim', ...claim }),
        announceProgress: () => net.broadcast(index, { kind: 'report', report: this.report() }),
      },
    });
  }

  start(context: HeightContext): void {
    this.give({ kind: 'newHeight', now: this.net.clock.now(), context });
    this.relay.start();
  }

  receive(from: number, message: Wire): void {
    const { core } = this;
    const now = this.net.clock.now();
    if (!this.alive) return;
    if (message.kind === 'report') this.peers.set(String(from), message.report);
    else if (message.kind === 'claim') {
      const { round, type, blockId } = message;
      if (round <= core.round)
        this.give({ kind: 'peerClaim', now, peer: String(from), height: HEIGHT, round, type, blockId });
    } else if (message.kind === 'vote') {
      if (core.wantsVote(message.vote)) this.give({ kind: 'vote', now, vote: message.vote });
    } else if (core.wantsProposal(message.proposal)) {
      this.give({ kind: 'proposal', now, proposal: message.proposal });
      this.bring(message.proposal.blockId);
    }
  }

  /** As the exchange makes it. */
  private report(): RoundStepMessage {
    const { core } = this;
    const round = Math.max(core.round, 0);
    const votes = relevantRounds(core).flatMap((of) =>
      ([PREVOTE, PRECOMMIT] as const).map((type) => ({
        round: of,
        type,
        bitmap: core.voteBitmap(HEIGHT, of, type) as Uint8Array,
      })),
    );
    const proposal = core.proposal(round);
    const hasBlocks = proposal !== undefined && core.block(proposal.blockId) !== undefined ? [proposal.blockId] : [];
    const place = {
      kind: 'roundStep',
      height: HEIGHT,
      round,
      step: core.step,
      hasProposal: proposal !== undefined,
    } as const;
    return { ...place, hasBlocks, votes, lastCommit: undefined, headHeight: 0, baseHeight: 0 };
  }

  private send(peer: PeerId, message: Wire): void {
    this.net.send(this.index, Number(peer), message);
  }

  private bring(blockId: BlockId): void {
    const block = this.net.bodies.get(blockIdKey(blockId));
    if (block !== undefined) this.give({ kind: 'block', now: this.net.clock.now(), blockId, block });
  }

  give(input: Input): void {
    if (!this.alive) return;
    for (const effect of this.core.handle(input)) this.perform(effect);
  }

  private perform(effect: Effect): void {
    const now = this.net.clock.now();
    switch (effect.kind) {
      case 'sign': {
        const signature = signatureOf(this.index);
        const message: SignedMessage =
          effect.message.kind === 'vote'
            ? { kind: 'vote', vote: { ...effect.message.vote, signature } }
            : { kind: 'proposal', proposal: { ...effect.message.proposal, signature } };
        this.give({ kind: 'signed', now, message });
        break;
      }
      case 'publish':
        this.net.broadcast(this.index, effect.message);
        break;
      case 'schedule': {
        const { height, round, step, delayMs } = effect;
        this.timers.get(step)?.cancel();
        const fire = (): void => this.give({ kind: 'timeout', now: this.net.clock.now(), height, round, step });
        this.timers.set(step, this.net.clock.setTimer(delayMs, fire));
        break;
      }
      case 'buildBlock': {
        const { height, round, time } = effect;
        const blockId = idOf(`${this.index}.${round}`);
        const block = makeBlock(height, time);
        this.net.bodies.set(blockIdKey(blockId), block);
        this.give({ kind: 'blockBuilt', now, height, round, blockId, block });
        break;
      }
      case 'requestBlock':
        // Bodies come soon: what is tried here is whether votes do.
        this.net.clock.setTimer(MAX_DELAY_MS, () => this.bring(effect.blockId));
        break;
      case 'validate':
        this.give({ kind: 'blockValidity', now, blockId: effect.blockId, verdict: 'valid' });
        break;
      case 'progress':
        this.relay.changed();
        break;
      default:
        break;
    }
  }
}

/** Four validators at one height over links that lose and delay messages. The same seed gives the same run. */
export class RelayNet {
  readonly clock = new ManualClock();
  readonly validators: ValidatorSet = makeValidators([1n, 1n, 1n, 1n]);
  readonly bodies = new Map<string, Block>();
  readonly nodes: readonly RelayNode[];
  /** Messages sent so far, by kind. */
  readonly sent = { vote: 0, proposal: 0, claim: 0, report: 0 };
  filter: Filter = () => true;
  lossPercent = 0;
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.nodes = this.validators.validators.map((_, index) => new RelayNode(this, index));
  }

  start(): void {
    const { validators } = this;
    const context: HeightContext = {
      chainId: 'test',
      height: HEIGHT,
      initialHeight: 1,
      validators,
      nextValidators: validators,
      lastValidators: undefined,
      lastCommit: undefined,
      lastBlockTime: START - 1_000_000_000_000_000_000n,
      proofBlockDue: true,
      blockIntervalMinMs: 0,
      emptyBlockIntervalMs: 0,
    };
    for (const node of this.nodes) node.start(context);
  }

  node(index: number): RelayNode {
    return this.nodes[index] as RelayNode;
  }

  broadcast(from: number, message: Wire): void {
    for (const to of this.nodes.keys()) if (to !== from) this.send(from, to, message);
  }

  send(from: number, to: number, message: Wire): void {
    if (!this.node(from).alive || !this.filter(from, to, message)) return;
    this.sent[message.kind]++;
    const isLost = this.random() * 100 < this.lossPercent;
    const delayMs = MIN_DELAY_MS + Math.floor(this.random() * (MAX_DELAY_MS - MIN_DELAY_MS));
    if (!isLost) this.clock.setTimer(delayMs, () => this.node(to).receive(from, message));
  }

  /** The machine is gone: neither it nor what it had is heard of again. */
  kill(index: number): void {
    this.node(index).alive = false;
    this.node(index).relay.stop();
    for (const node of this.nodes) {
      node.peers.delete(String(index));
      node.relay.forget(String(index));
    }
  }

  /** Lets time pass until `done`, at most `ms`. */
  run(ms: number, done: () => boolean = () => false): boolean {
    for (let passed = 0; passed < ms && !done(); passed += 10) this.clock.advance(10);
    return done();
  }
}
