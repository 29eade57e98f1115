import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_TX_BYTES } from '#network/limits.ts';
import { decodeMessage } from '#network/message-codec.ts';
import type { Message } from '#network/messages.ts';
import type { Node } from '#node/node.ts';
import type { PeerId } from '#ports/transport.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import type { SimNetwork } from '../network/network.ts';

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: DEFAULT_MAX_TX_BYTES };

/**
 * A network that is out to show a missing lock rule (four equal validators). At one height it lets a single machine
 * decide in round 0 and cuts it off, and keeps the proposer of round 1 from seeing that there was a polka. That one
 * proposes something else, which the two locked machines must not prevote.
 */
export class LockAdversary {
  readonly height: number;
  private readonly network: SimNetwork;

  constructor(network: SimNetwork, height: number) {
    this.network = network;
    this.height = height;
  }

  /** The first machine has applied the height before: who does what in the next one is known. */
  begin(node: Node, machines: readonly { readonly name: PeerId; readonly address: Uint8Array }[]): void {
    const { validators } = node.chain.state;
    const unaware = machines.findIndex(({ address }) =>
      equalBytes(address, validators.incremented(1).proposer.address),
    );
    const alone = (unaware + 1) % machines.length;
    const names = { unaware: machines[unaware]?.name, alone: machines[alone]?.name };
    const aloneIndex = validators.indexOf(machines[alone]?.address as Uint8Array);
    this.network.filter = (from, to, bytes) => {
      if (bytes === undefined) return from !== names.alone && to !== names.alone;
      const message = decodeMessage(bytes, LIMITS);
      if (from === names.alone && !this.isEarly(message)) return false;
      return to !== names.unaware || !this.tellsOfPolka(message, aloneIndex);
    };
  }

  /** What the lone machine is still heard of: its proposal and prevote of round 0. */
  private isEarly(message: Message): boolean {
    if (message.kind === 'proposal') return message.proposal.round === 0;
    if (message.kind !== 'votes') return false;
    return message.votes.every(({ height, type }) => height < this.height || type === PREVOTE);
  }

  private tellsOfPolka(message: Message, aloneIndex: number): boolean {
    if (message.kind === 'proposal') return message.proposal.height === this.height && message.proposal.round === 0;
    if (message.kind === 'peerClaim') return true;
    if (message.kind !== 'votes') return false;
    return message.votes.some(
      ({ height, round, type, validatorIndex }) =>
        height === this.height && round === 0 && validatorIndex === aloneIndex && type !== PRECOMMIT,
    );
  }
}
