import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_TX_BYTES } from '#network/limits.ts';
import { decodeMessage } from '#network/message-codec.ts';
import type { DiskPort } from '../disk/disk-port.ts';
import type { SimTransport } from '../network/transport.ts';

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: DEFAULT_MAX_TX_BYTES };

export interface OwnSending {
  /** A signature of this node exists from now on. */
  signed(): void;
}

/** Tells of the moments before and after the first frame that carries votes or a proposal once something was signed. */
export function watchSending(transport: SimTransport, disk: DiskPort): OwnSending {
  let isWaiting = false;
  const send = transport.send.bind(transport);
  transport.send = (peer, stream, bytes) => {
    if (!isWaiting || !carriesSignatures(bytes)) return send(peer, stream, bytes);
    isWaiting = false;
    disk.at('between: own message logged, not sent');
    const sent = send(peer, stream, bytes);
    disk.at('between: own message sent to one peer');
    return sent;
  };
  return {
    signed: () => {
      isWaiting = true;
    },
  };
}

function carriesSignatures(bytes: Uint8Array): boolean {
  const { kind } = decodeMessage(bytes, LIMITS);
  return kind === 'votes' || kind === 'proposal';
}
