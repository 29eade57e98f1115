import type { SettingValue } from './field.ts';
import { SETTING_ENTRIES, type SettingEntry, type Settings } from './schema.ts';

const HEADER = [
  '# Settings of one bizra-node. Everything here is local to this machine: what the network agrees on is in genesis.json.',
  '# An environment variable (BIZRA_P2P_LADDR for laddr under [p2p]) wins over this file, a flag (--p2p.laddr) over both.',
];

function settingValue(settings: Settings, entry: SettingEntry): SettingValue {
  const root = settings as unknown as Record<string, unknown>;
  const section = entry.section === '' ? root : (root[entry.section] as Record<string, unknown>);
  return section[entry.name] as SettingValue;
}

/** JSON's spelling of texts, numbers, switches and lists of texts is TOML's too. */
function toToml(value: SettingValue): string {
  return Array.isArray(value) ? `[${value.map((entry) => JSON.stringify(entry)).join(', ')}]` : JSON.stringify(value);
}

/** The commented `config.toml`: every setting with its value. `loadSettings` reads the same settings back. */
export function formatConfig(settings: Settings): string {
  const lines = [...HEADER];
  let section = '';
  for (const entry of SETTING_ENTRIES) {
    if (entry.section !== section) {
      section = entry.section;
      lines.push('', `[${section}]`);
    }
    lines.push('', ...entry.field.doc.map((sentence) => `# ${sentence}`));
    lines.push(`${entry.key} = ${toToml(settingValue(settings, entry))}`);
  }
  return `${lines.join('\n')}\n`;
}
