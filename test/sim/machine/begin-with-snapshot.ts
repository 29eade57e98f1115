import { syncState } from '#node/state-syncing.ts';
import type { Clock } from '#ports/clock.ts';
import type { Transport } from '#ports/transport.ts';
import type { Logger } from '#telemetry/logger.ts';
import { toHex } from '#util/bytes.ts';
import { DATABASE_PATH } from '../disk/disk.ts';
import type { DiskPort } from '../disk/disk-port.ts';
import type { Home } from './incarnation.ts';

/** What an operator does with a machine whose data is gone, once the chain has a past to trust. */
export async function beginWithSnapshot(
  home: Home,
  disk: DiskPort,
  ports: { readonly transport: Transport; readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const { name, parts, options } = home;
  const { checkers, chance, coverage, genesis, signatures, say } = parts;
  if (!home.wantsSnapshot || (await disk.exists(DATABASE_PATH))) return;
  const trusted = checkers.somePastBlock(chance);
  if (trusted === undefined) return;
  const { height: trustHeight, hash } = trusted;
  const statesync = { ...options.settings.statesync, enable: true, trustHeight, trustHash: toHex(hash) };
  say(name, `begins with a snapshot, trusts header ${trustHeight}`);
  await syncState(
    {
      ...ports,
      random: chance.fork(),
      verifier: signatures.verifier,
      directories: disk,
      openDatabase: (path) => disk.openDatabase(path),
      decompress: async (bytes) => bytes,
      signal: new AbortController().signal,
      path: DATABASE_PATH,
    },
    genesis,
    { ...options.settings, statesync },
  );
  if (!(await disk.exists(DATABASE_PATH))) return;
  coverage.hit('state sync');
  home.begunAt = undefined;
}
