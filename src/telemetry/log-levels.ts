import { BizraError } from '#util/errors.ts';
import type { TelemetryErrorCode } from './errors.ts';

/** From the most to the least talkative; `none` is silence. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'none'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How much each component says. */
export interface LogLevels {
  readonly default: LogLevel;
  readonly components: ReadonlyMap<string, LogLevel>;
}

export function levelOf(levels: LogLevels, component: string): LogLevel {
  return levels.components.get(component) ?? levels.default;
}

/** Whether something of level `level` is written where `threshold` is set. */
export function passes(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}

/**
 * Reads CometBFT's form: `info`, or `consensus:debug,p2p:error,*:info`. Components without an entry take the level of
 * `*`, or `info`. Throws a BizraError that names the faulty entry.
 */
export function parseLogLevels(text: string): LogLevels {
  const components = new Map<string, LogLevel>();
  let fallback: LogLevel = 'info';
  for (const entry of text.split(',').map((part) => part.trim())) {
    const [first = '', second, ...rest] = entry.split(':');
    const [component, level] = second === undefined ? ['*', first] : [first, second];
    if (rest.length > 0 || component === '' || !isLevel(level)) {
      throw new BizraError<TelemetryErrorCode>(
        'log_level',
        `log level "${entry.slice(0, 80)}": use ${LOG_LEVELS.join(', ')}, or component:level pairs such as consensus:debug,*:info`,
      );
    }
    if (component === '*') fallback = level;
    else components.set(component, level);
  }
  return { default: fallback, components };
}

function isLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text);
}
