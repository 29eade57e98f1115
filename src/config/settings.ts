import { parse, TomlError } from 'smol-toml';
import { BizraError } from '#util/errors.ts';
import { configError } from './errors.ts';
import type { SettingValue } from './field.ts';
import { SCHEMA, SETTING_ENTRIES, type SettingEntry, type Settings } from './schema.ts';

export type { Settings } from './schema.ts';

/** Where settings come from, weakest first; what is absent keeps its default. */
export interface SettingSources {
  /** Content of `config.toml`, and its path for messages. */
  readonly file?: { readonly path: string; readonly text: string };
  /** `BIZRA_P2P_LADDR` and so on; variables outside the known sections are not ours and are left alone. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** By path (`p2p.laddr`), as typed. */
  readonly flags?: Readonly<Record<string, string>>;
}

type Values = Map<string, SettingValue>;

const SECTIONS = Object.keys(SCHEMA).filter((section) => section !== '');
const BY_PATH: ReadonlyMap<string, SettingEntry> = new Map(SETTING_ENTRIES.map((entry) => [entry.path, entry]));
/** Longest value that a message repeats. */
const SHOWN_LENGTH = 80;

function show(value: unknown): string {
  const text =
    typeof value === 'bigint' || value instanceof Date || value === undefined ? String(value) : JSON.stringify(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text;
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

const JAVASCRIPT_TYPES = { text: 'string', integer: 'number', switch: 'boolean', list: 'object' } as const;

function checked(entry: SettingEntry, value: unknown, where: string): SettingValue {
  const { field } = entry;
  const typed = typeof value === JAVASCRIPT_TYPES[field.kind] && (field.kind !== 'list' || isList(value));
  if (!typed || !field.accepts(value as SettingValue)) {
    throw configError(where, `${entry.path} = ${show(value)} is not accepted`, `set it to ${field.expects}`);
  }
  return isList(value) ? Object.freeze([...value]) : (value as SettingValue);
}

/** The value of a variable or flag, whose type is not in its text. */
function fromText(entry: SettingEntry, text: string, where: string): SettingValue {
  switch (entry.field.kind) {
    case 'integer':
      return checked(entry, /^\d{1,16}$/.test(text) ? Number(text) : text, where);
    case 'switch':
      return checked(entry, text === 'true' ? true : text === 'false' ? false : text, where);
    case 'list':
      return checked(entry, splitList(text), where);
    case 'text':
      return checked(entry, text, where);
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** The closest known path, for a mistyped one; the field's people mistype `-` for `_`. */
function suggestion(path: string): string {
  const plain = (text: string): string => text.replace(/[-_.]/g, '').toLowerCase();
  const near = SETTING_ENTRIES.find((entry) => plain(entry.path) === plain(path) || entry.key === path);
  return near === undefined ? 'remove it' : `write ${near.path}`;
}

function parseToml(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    throw configError(path, `line ${error.line}, column ${error.column}: ${reason}`, 'correct the line');
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function readFile(path: string, text: string, values: Values): void {
  const take = (settingPath: string, value: unknown): void => {
    const entry = BY_PATH.get(settingPath);
    if (entry === undefined) throw configError(path, `unknown key ${settingPath}`, suggestion(settingPath));
    // CometBFT writes lists as one text with commas; people bring such lines with them.
    const given = entry.field.kind === 'list' && typeof value === 'string' ? splitList(value) : value;
    values.set(settingPath, checked(entry, given, path));
  };
  for (const [name, value] of Object.entries(parseToml(path, text))) {
    if (!SECTIONS.includes(name)) take(name, value);
    else if (!isTable(value)) throw configError(path, `${name} = ${show(value)} is not a section`, `write [${name}]`);
    else for (const [key, inner] of Object.entries(value)) take(`${name}.${key}`, inner);
  }
}

function readEnvironment(environment: Readonly<Record<string, string | undefined>>, values: Values): void {
  const known = new Map(SETTING_ENTRIES.map((entry) => [entry.variable, entry]));
  const ours = SECTIONS.map((section) => `BIZRA_${section.toUpperCase()}_`);
  for (const [variable, text] of Object.entries(environment)) {
    const entry = known.get(variable);
    if (text === undefined) continue;
    if (entry !== undefined) values.set(entry.path, fromText(entry, text, `environment variable ${variable}`));
    else if (ours.some((prefix) => variable.startsWith(prefix))) {
      throw configError(`environment variable ${variable}`, 'no such setting', 'correct its name or unset it');
    }
  }
}

function readFlags(flags: Readonly<Record<string, string>>, values: Values): void {
  for (const [path, text] of Object.entries(flags)) {
    const entry = BY_PATH.get(path);
    if (entry === undefined) throw configError(`flag --${path}`, 'no such setting', suggestion(path));
    values.set(path, fromText(entry, text, `flag --${path}`));
  }
}

/** Settings of which one bounds another; `[smaller, larger]`. */
const ORDERED = [
  ['mempool.max_tx_bytes', 'mempool.max_txs_bytes'],
  ['consensus.timeout_propose_ms', 'consensus.timeout_propose_max_ms'],
  ['consensus.timeout_prevote_ms', 'consensus.timeout_vote_max_ms'],
  ['consensus.timeout_precommit_ms', 'consensus.timeout_vote_max_ms'],
] as const;

function checkTogether(values: Values, where: string): void {
  for (const [smaller, larger] of ORDERED) {
    const [small, large] = [values.get(smaller), values.get(larger)];
    if (Number(small) <= Number(large)) continue;
    throw configError(where, `${smaller} = ${show(small)} is above ${larger} = ${show(large)}`, 'lower the first');
  }
}

function build(values: Values): Settings {
  const root: Record<string, unknown> = {};
  for (const section of SECTIONS) root[section] = {};
  for (const { section, name, path } of SETTING_ENTRIES) {
    const target = section === '' ? root : (root[section] as Record<string, unknown>);
    target[name] = values.get(path);
  }
  for (const section of SECTIONS) Object.freeze(root[section]);
  return Object.freeze(root) as Settings;
}

/**
 * Defaults, overridden by the file, then the environment, then flags. Deeply frozen.
 * Throws BizraError `config_invalid` that names place, key, value and remedy for the first fault found.
 */
export function loadSettings(sources: SettingSources): Settings {
  const values: Values = new Map(SETTING_ENTRIES.map((entry) => [entry.path, entry.field.byDefault]));
  if (sources.file !== undefined) readFile(sources.file.path, sources.file.text, values);
  readEnvironment(sources.environment ?? {}, values);
  readFlags(sources.flags ?? {}, values);
  checkTogether(values, sources.file?.path ?? 'settings');
  return build(values);
}

export function defaultSettings(): Settings {
  return loadSettings({});
}

/** True for the errors that a person corrects in a file, variable or flag. */
export function isConfigError(error: unknown): error is BizraError {
  return error instanceof BizraError && (error.code === 'config_invalid' || error.code === 'home_invalid');
}
