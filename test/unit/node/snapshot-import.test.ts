import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { InlineVerifier } from '#crypto/verifier.ts';
import { lightBlockOf } from '#node/archive.ts';
import { RealClock } from '#node/real-clock.ts';
import { exportSnapshot } from '#node/snapshot-export.ts';
import { SnapshotFileReader } from '#node/snapshot-file.ts';
import { importSnapshot } from '#node/snapshot-import.ts';
import type { Clock } from '#ports/clock.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { fromHex } from '#util/bytes.ts';
import { HONEST, Newcomer, ProcessDied, SourceChain } from './state-sync-rig.ts';

const HEIGHT = 14;

describe('the import of a snapshot file', function () {
  this.timeout(60_000);

  it('goes on where a process died, at whatever write', async () => {
    const source = await SourceChain.create(HEIGHT);
    const { node, genesis } = source.bench;
    const directory = await mkdtemp(join(tmpdir(), 'bizra-import-'));
    const output = join(directory, 'snapshot');
    await exportSnapshot(
      {
        archive: source.archive,
        chainId: genesis.chainId,
        genesisHash: genesis.hash,
        lightBlock: (height) => lightBlockOf(node.blockStore, source.height, height),
        isRecent: () => true,
        compress: async (bytes) => new Uint8Array(deflateRawSync(bytes)),
      },
      { height: undefined, output },
    );
    const real = new RealClock();
    const now = (node.blockStore.meta(HEIGHT + 1)?.header.time as bigint) + 1_000_000_000n;
    const clock: Clock = {
      now: () => now,
      monotonicMs: () => real.monotonicMs(),
      setTimer: (ms, fire) => real.setTimer(ms, fire),
      yield: () => real.yield(),
    };
    const trust = { height: HEIGHT + 1, hash: fromHex(source.hashAt(HEIGHT + 1)), periodNs: 10n ** 18n };
    const attempt = async ({ directories }: Newcomer): Promise<number> => {
      const reader = await SnapshotFileReader.open(output);
      try {
        const parts = {
          directories,
          openDatabase: directories.open,
          clock,
          verifier: new InlineVerifier(),
          logger: SILENT_LOGGER,
          decompress: async (bytes: Uint8Array, maxOutputLength: number) =>
            new Uint8Array(inflateRawSync(bytes, { maxOutputLength })),
        };
        return (await importSnapshot(parts, reader, { path: 'data/chain.db', genesis, trust })).headers_from;
      } finally {
        await reader.close();
      }
    };
    let deaths = 0;
    for (; ; deaths++) {
      const newcomer = new Newcomer(source, { a: HONEST });
      newcomer.directories.stepsLeft = deaths;
      const first = await attempt(newcomer).catch((error: unknown) => {
        assert.ok(error instanceof ProcessDied, String(error));
        return undefined;
      });
      if (first !== undefined) break;
      newcomer.directories.stepsLeft = Number.POSITIVE_INFINITY;
      if (newcomer.database === undefined) assert.equal(await attempt(newcomer), 1, `killed at write ${deaths}`);
    }
    assert.ok(deaths > HEIGHT, `${deaths} deaths, at each header too`);
    await rm(directory, { recursive: true });
  });
});
