import { InlineVerifier } from '#crypto/verifier.ts';
import { decompress } from '#storage/compression.ts';
import { openLevel } from '#storage/level.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { formatTime } from '#types/time.ts';
import { readGenesis } from './genesis-file.ts';
import { RealClock } from './real-clock.ts';
import { SnapshotFileReader } from './snapshot-file.ts';
import { type ImportedSnapshot, type ImportProgress, type ImportTrust, importSnapshot } from './snapshot-import.ts';
import type { NodePaths } from './start.ts';
import { databasePath, withLockedHome } from './stopped-home.ts';

type Paths = Pick<NodePaths, 'dataDirectory' | 'privValidatorKeyFile' | 'genesisFile'>;

export interface ImportOptions {
  readonly trust: ImportTrust;
  readonly cacheBytes: number;
  readonly onProgress: (progress: ImportProgress & Readonly<Record<string, unknown>>) => void;
  /** Takes a line of the log. */
  readonly warn: (line: string) => void;
}

/** Imports a snapshot file into a home without data. Throws what `importSnapshot` and reading the genesis file throw. */
export async function importIntoHome(paths: Paths, file: string, options: ImportOptions): Promise<ImportedSnapshot> {
  const genesis = await readGenesis(paths.genesisFile);
  const clock = new RealClock();
  const logged = { sink: options.warn, timestamp: () => formatTime(clock.now()) };
  const parts = {
    directories: new NodeDirectories(),
    openDatabase: (path: string) => openLevel(path, { cacheBytes: options.cacheBytes }),
    clock,
    verifier: new InlineVerifier(),
    logger: createLogger(logged, { format: 'text', levels: parseLogLevels('warn') }, 'import'),
    decompress,
  };
  return withLockedHome(paths, async () => {
    await new NodeFiles().makeDirectory(paths.dataDirectory);
    const reader = await SnapshotFileReader.open(file);
    try {
      const target = { path: databasePath(paths), genesis, trust: options.trust };
      return await importSnapshot(parts, reader, target, (progress) => options.onProgress({ ...progress }));
    } finally {
      await reader.close();
    }
  });
}
