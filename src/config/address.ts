import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';

/** A host and port taken apart. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;

/** `tcp://127.0.0.1:26657`, `tcp://[::1]:26657` or the same with `http://`; undefined when it is neither. */
export function parseTcpAddress(value: string): HostPort | undefined {
  const match = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})\/?$/.exec(value);
  const host = match?.[1];
  const port = Number(match?.[2]);
  if (host === undefined || !(port <= MAX_PORT)) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

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

/** The multiaddr to listen on, from either form. `value` has been checked by the settings. */
export function toMultiaddr(value: string): string {
  const tcp = parseTcpAddress(value);
  if (tcp === undefined) return value;
  if (tcp.host.includes(':')) return `/ip6/${tcp.host}/tcp/${tcp.port}`;
  const family = /^\d+\.\d+\.\d+\.\d+$/.test(tcp.host) ? 'ip4' : 'dns4';
  return `/${family}/${tcp.host}/tcp/${tcp.port}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
