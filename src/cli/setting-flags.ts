import { type Command, Option } from 'commander';
import { SETTING_ENTRIES, type SettingEntry } from '#config/schema.ts';

/** Every setting as a flag: `--p2p.laddr`, as CometBFT has it, and `--log-level` for those at the top of the file. */

export type SettingFlags = Readonly<Record<string, unknown>>;

/** A flag of the whole program, because every command shows more with it. */
const LOG_LEVEL = 'log_level';

/** Flags that people use daily; the others work too but would drown the help. */
const SHOWN: ReadonlySet<string> = new Set([
  'moniker',
  'log_format',
  'p2p.laddr',
  'p2p.persistent_peers',
  'p2p.bootstrap_peers',
  'rpc.laddr',
]);

function flagOf(entry: SettingEntry): string {
  return entry.section === '' ? entry.key.replaceAll('_', '-') : entry.path;
}

/** Under which name commander hands the flag's value over. */
function attributeOf(entry: SettingEntry): string {
  return new Option(`--${flagOf(entry)} <value>`).attributeName();
}

export function withSettings(command: Command): Command {
  for (const entry of SETTING_ENTRIES) {
    if (entry.path === LOG_LEVEL) continue;
    const [description = ''] = entry.field.doc;
    const option = new Option(`--${flagOf(entry)} <value>`, description.replace(/\.$/, ''));
    command.addOption(SHOWN.has(entry.path) ? option : option.hideHelp());
  }
  return command;
}

/** The given ones by setting path, for `loadSettings`. `options` come from `optsWithGlobals`. */
export function settingFlags(options: SettingFlags): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const entry of SETTING_ENTRIES) {
    const value = options[attributeOf(entry)];
    if (typeof value === 'string') flags[entry.path] = value;
  }
  return flags;
}
