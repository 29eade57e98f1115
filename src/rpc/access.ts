import { isIP } from 'node:net';

/** Addresses whose request counts are remembered; beyond it the oldest are forgotten. */
const MAX_TRACKED_ADDRESSES = 10_000;

export interface AccessOptions {
  /** Host names besides IP addresses and `localhost` that requests may name; `*` lets all pass. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may call; `*` lets all pass. */
  readonly corsAllowedOrigins: readonly string[];
}

/**
 * Keeps web pages out that nobody let in. A page cannot forge `Host` or `Origin`: an unknown name in `Host` is DNS
 * rebinding (an IP address cannot be rebound), an unknown `Origin` is another site's script.
 */
export class Access {
  private readonly hosts: ReadonlySet<string>;
  private readonly anyHost: boolean;
  private readonly origins: ReadonlySet<string>;
  private readonly anyOrigin: boolean;
  /** Most requests of a connection repeat the same header. */
  private lastHost: string | undefined;

  constructor(options: AccessOptions) {
    this.hosts = new Set(['localhost', ...options.allowedHosts.map((host) => host.toLowerCase())]);
    this.anyHost = options.allowedHosts.includes('*');
    this.origins = new Set(options.corsAllowedOrigins);
    this.anyOrigin = this.origins.has('*');
  }

  /** `host` is the header as it came, with or without a port. */
  isHostAllowed(host: string | undefined): boolean {
    if (host === undefined || host === this.lastHost || this.anyHost) return true;
    const name = hostName(host);
    if (isIP(name) === 0 && !this.hosts.has(name)) return false;
    this.lastHost = host;
    return true;
  }

  /** Pages that the node itself serves are same-origin. */
  isOriginAllowed(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.anyOrigin || this.origins.has(origin)) return true;
    return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
  }
}

/** Without port and brackets, in lower case. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::[0-9]*)?$/.exec(host);
  const name = bracketed?.[1] ?? host.replace(/:[0-9]*$/, '');
  return name.toLowerCase();
}

/** Token buckets by remote address: `perSecond` requests, and as many at once. */
export class RateLimiter {
  private readonly perSecond: number;
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** Takes one token; false when there is none. `now` in milliseconds. */
  allow(address: string, now: number): boolean {
    const bucket = this.buckets.get(address) ?? { tokens: this.perSecond, at: now };
    bucket.tokens = Math.min(this.perSecond, bucket.tokens + ((now - bucket.at) * this.perSecond) / 1000);
    bucket.at = now;
    this.buckets.delete(address);
    this.buckets.set(address, bucket);
    if (this.buckets.size > MAX_TRACKED_ADDRESSES) this.buckets.delete(this.buckets.keys().next().value as string);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
