import type { FileSigner } from '#signer/signer.ts';
import type { ByzantineMeans, ByzantinePorts } from './behaviour.ts';
import { InterceptedTransport } from './intercepted-transport.ts';
import { changed, withoutRecord } from './pen.ts';
import { BEHAVIOURS, type BehaviourName } from './registry.ts';
import { Rig } from './rig.ts';

/**
 * The ports that make a node byzantine, over the ports of an honest one: give them to `Node.open` in their place.
 * Works over any Transport, so also in a real process.
 */
export function wrapByzantine(name: BehaviourName, ports: ByzantinePorts, means: ByzantineMeans): ByzantinePorts {
  const kind = BEHAVIOURS[name];
  const rig = new Rig(ports.transport, means);
  const signer = kind.forgetful === true ? withoutRecord(ports.signer, rig.pen) : ports.signer;
  return {
    transport: new InterceptedTransport(ports.transport, rig, kind.create(rig), kind),
    signer: observed(signer, rig),
  };
}

/** Remembers which proposals are the node's own: only those does a behaviour rewrite. */
function observed(signer: FileSigner, rig: Rig): FileSigner {
  return changed(signer, {
    // Its own second votes come back to it: a node that looks after its key would fall silent.
    mayHaveMade: () => true,
    signProposal: (chainId, proposal) => {
      rig.proposes(proposal);
      return signer.signProposal(chainId, proposal);
    },
  });
}
