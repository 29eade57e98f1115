import { type LogLevel, type LogLevels, levelOf, passes } from './log-levels.ts';

/** No byte arrays: what is logged is written as text by the caller, who knows that it is not a key. */
export type LogValue = string | number | bigint | boolean | undefined | Error;
export type LogFields = Readonly<Record<string, LogValue>>;

/** Structured logging. Messages are constant texts; what varies goes into fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The logger of another component, with fields that every line of it carries. */
  child(component: string, fields?: LogFields): Logger;
  /** For fields that are expensive to make. */
  enabled(level: LogLevel): boolean;
}

export type LogFormat = 'json' | 'text';

export interface LoggerComponents {
  /** Takes one line, without the line end. */
  readonly sink: (line: string) => void;
  /** The time as it is written, RFC 3339 as a rule. */
  readonly timestamp: () => string;
}

export interface LoggerOptions {
  readonly format: LogFormat;
  readonly levels: LogLevels;
}

/** Longest value that a line carries, in characters: a peer's text must not fill the disk. */
const VALUE_LENGTH_MAX = 1_024;
/** A second line of defence: values under such names are never written. */
const SECRET_NAME = /mnemonic|password|passphrase|secret|seed(?!s)|priv(ate)?_?key/i;

/** Creates the logger of `component`. */
export function createLogger(components: LoggerComponents, options: LoggerOptions, component: string): Logger {
  return new LineLogger(components, options, component, {});
}

class LineLogger implements Logger {
  private readonly components: LoggerComponents;
  private readonly options: LoggerOptions;
  private readonly component: string;
  private readonly fields: LogFields;
  private readonly threshold: LogLevel;

  constructor(components: LoggerComponents, options: LoggerOptions, component: string, fields: LogFields) {
    this.components = components;
    this.options = options;
    this.component = component;
    this.fields = fields;
    this.threshold = levelOf(options.levels, component);
  }

  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  child(component: string, fields: LogFields = {}): Logger {
    return new LineLogger(this.components, this.options, component, { ...this.fields, ...fields });
  }

  enabled(level: LogLevel): boolean {
    return passes(level, this.threshold);
  }

  private write(level: LogLevel, message: string, fields?: LogFields): void {
    if (!this.enabled(level)) return;
    const head = { time: this.components.timestamp(), level, component: this.component, message };
    const rest = Object.entries({ ...this.fields, ...fields }).filter(([, value]) => value !== undefined);
    const entries = rest.map(([name, value]) => [name, toPlain(name, value)] as const);
    this.components.sink(this.options.format === 'json' ? jsonLine(head, entries) : textLine(head, entries));
  }
}

type PlainEntries = readonly (readonly [name: string, value: string | number | boolean])[];
interface Head {
  readonly time: string;
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
}

function toPlain(name: string, value: LogValue): string | number | boolean {
  if (SECRET_NAME.test(name)) return '[secret]';
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  const text = value instanceof Error ? (value.stack ?? value.message) : String(value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}...` : text;
}

/** Fields never replace the four that every line has. */
function jsonLine(head: Head, entries: PlainEntries): string {
  return JSON.stringify({ ...head, ...Object.fromEntries(entries), ...head });
}

function textLine(head: Head, entries: PlainEntries): string {
  const fields = entries.map(([name, value]) => ` ${name}=${textValue(value)}`).join('');
  return `${head.time} ${head.level.toUpperCase().padEnd(5)} ${head.component}: ${oneLine(head.message)}${fields}`;
}

/** Quoted when it holds anything but plain visible characters, so that no value can forge a line or a field. */
function textValue(value: string | number | boolean): string {
  const text = String(value);
  return /^[!#-<>-~]+$/.test(text) ? text : JSON.stringify(text);
}

function oneLine(message: string): string {
  return /^[ -~]*$/.test(message) ? message : JSON.stringify(message);
}

/** For running without telemetry. */
export const SILENT_LOGGER: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT_LOGGER,
  enabled: () => false,
};
