import type { Settings } from '#config/settings.ts';
import { BizraError } from '#util/errors.ts';
import { type CliErrorCode, messageOf } from './errors.ts';

/** How deep causes are followed; libraries wrap twice or thrice. */
const MAX_CAUSES = 8;

/** The first error in the chain of causes (and of aggregates) with this operating-system code or text. */
function findCode(error: unknown, code: string, depth = 0): unknown {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return undefined;
  if (('code' in error && error.code === code) || error.message.includes(code)) return error;
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  for (const cause of inner) {
    const found = findCode(cause, code, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** libp2p wraps the system's error in one of its own, which has the address in its text alone. */
function portOf(busy: unknown): string {
  if (typeof busy === 'object' && busy !== null && 'port' in busy) return `port ${String(busy.port)}`;
  const port = /EADDRINUSE\D+[^\s]*?[:/](\d{1,5})\b/.exec(messageOf(busy))?.[1];
  return port === undefined ? 'a port' : `port ${port}`;
}

/** Makes one helpful line of what the operating system said; BizraErrors speak for themselves. */
export function explainStartError(error: unknown, settings: Settings): unknown {
  // The lock on a validator key is a socket's name, and no port: whoever frees one gets the validator punished.
  if (error instanceof BizraError && error.code === 'key_in_use') return error;
  const busy = findCode(error, 'EADDRINUSE');
  if (busy !== undefined) {
    const port = portOf(busy);
    const { p2p, rpc, instrumentation } = settings;
    const metrics = instrumentation.prometheus
      ? `, instrumentation.prometheus_listen_addr ${instrumentation.prometheusListenAddr}`
      : '';
    const message = `${port} is in use (p2p.laddr ${p2p.laddr}, rpc.laddr ${rpc.laddr}${metrics}); stop the other program or choose another port`;
    return new BizraError<CliErrorCode>('failed', message, { cause: error });
  }
  if (error instanceof BizraError) return error;
  if (findCode(error, 'ENOSPC') !== undefined) {
    return new BizraError<CliErrorCode>('failed', 'the disk is full; free some space and start again', {
      cause: error,
    });
  }
  if (findCode(error, 'EACCES') !== undefined) {
    return new BizraError<CliErrorCode>('failed', `${messageOf(error)}; run as the owner of the home`, {
      cause: error,
    });
  }
  return error;
}
