import type { Command } from 'commander';
import type { Terminal } from './terminal.ts';

export type Register = (program: Command, terminal: Terminal) => void;

/**
 * All commands, in the order of the help. Each is read when it is asked for: some bring the whole node with them, and
 * whoever asks for a balance need not wait for that.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  init: async () => (await import('./commands/init.ts')).registerInit,
  start: async () => (await import('./commands/start.ts')).registerStart,
  testnet: async () => (await import('./commands/testnet.ts')).registerTestnet,
  keys: async () => (await import('./commands/keys.ts')).registerKeys,
  status: async () => (await import('./commands/status.ts')).registerStatus,
  peers: async () => (await import('./commands/peers.ts')).registerPeers,
  validators: async () => (await import('./commands/validators.ts')).registerValidators,
  tx: async () => (await import('./commands/tx.ts')).registerTx,
  query: async () => (await import('./commands/query.ts')).registerQuery,
  light: async () => (await import('./commands/light.ts')).registerLight,
  load: async () => (await import('./commands/load.ts')).registerLoad,
  backup: async () => (await import('./commands/backup.ts')).registerBackup,
  restore: async () => (await import('./commands/restore.ts')).registerRestore,
  snapshot: async () => (await import('./commands/snapshot.ts')).registerSnapshot,
  rollback: async () => (await import('./commands/rollback.ts')).registerRollback,
  prune: async () => (await import('./commands/prune.ts')).registerPrune,
  replay: async () => (await import('./commands/replay.ts')).registerReplay,
  export: async () => (await import('./commands/export.ts')).registerExport,
  inspect: async () => (await import('./commands/inspect.ts')).registerInspect,
  doctor: async () => (await import('./commands/doctor.ts')).registerDoctor,
  version: async () => (await import('./commands/version.ts')).registerVersion,
};

/** The command that comes first, alone; all of them where another word does, for the help and for "did you mean". */
export async function commandsFor([first]: readonly string[]): Promise<Register[]> {
  const name = Object.keys(COMMANDS).find((known) => known === first);
  const wanted = Object.entries(COMMANDS).filter(([known]) => name === undefined || known === name);
  return Promise.all(wanted.map(([, load]) => load()));
}
