import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { type HostPort, parseTcpAddress, toMultiaddr } from '#node/addresses.ts';

export { parseTcpAddress, toMultiaddr };

/** `127.0.0.1:26660` or `[::1]:26660`, as CometBFT writes the address of its metrics. */
export function parseHostPort(value: string): HostPort | undefined {
  return parseTcpAddress(`tcp://${value}`);
}

/** A libp2p address such as `/ip4/127.0.0.1/tcp/26656`, with a peer id at its end where `needsPeer`. */
export function isMultiaddr(value: string, needsPeer: boolean): boolean {
  try {
    const components = multiaddr(value).getComponents();
    const peer = components.find(({ name }) => name === 'p2p')?.value;
    // The library takes any base58 for a peer id; a mistyped one would be dialled in vain for ever.
    if (peer !== undefined) peerIdFromString(peer);
    return components.some(({ name }) => name === 'tcp') && (peer !== undefined) === needsPeer;
  } catch {
    return false; // the library throws a different error for each fault; the caller names the setting
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
