const MAX_PORT = 65_535;

/** A host and a port taken apart. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `tcp://127.0.0.1:26657` or `tcp://[::1]:26657`; undefined for anything else (a multiaddr, as a rule). */
export function parseTcpAddress(value: string): HostPort | undefined {
  const match = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})\/?$/.exec(value);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || !(port <= MAX_PORT)) return undefined;
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}

/** The multiaddr to listen on, from either form of a checked setting. */
export function toMultiaddr(value: string): string {
  const tcp = parseTcpAddress(value);
  if (tcp === undefined) return value;
  if (tcp.host.includes(':')) return `/ip6/${tcp.host}/tcp/${tcp.port}`;
  const family = /^\d+\.\d+\.\d+\.\d+$/.test(tcp.host) ? 'ip4' : 'dns4';
  return `/${family}/${tcp.host}/tcp/${tcp.port}`;
}

/** The IP address in a multiaddr, for `net_info`; empty when there is none. */
export function ipOf(multiaddr: string): string {
  return /^\/ip[46]\/([^/]+)/.exec(multiaddr)?.[1] ?? '';
}
