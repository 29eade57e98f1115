import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HomePaths, homePaths } from '#config/home.ts';
import { loadSettings } from '#config/settings.ts';
import { formatConfig } from '#config/write-config.ts';
import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import { formatNodeKeyFile, generateNodeKey } from '#network/libp2p/node-key.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { SIGNER_STEP, writeLastSigned } from '#signer/last-signed.ts';
import { createSignerFiles } from '#signer/signer.ts';
import type { BlockMeta } from '#storage/block-store.ts';
import { openLevel } from '#storage/level.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { type DecidedChain, eventfulChain } from './decided-chain.ts';

export interface StoppedHome {
  readonly paths: HomePaths;
  readonly database: string;
  /** As it stood when the node was stopped; its database is closed. */
  readonly chain: DecidedChain;
  /** Of all blocks, from height 1 on. */
  readonly metas: readonly BlockMeta[];
}

/** A home as a validator leaves it: keys, settings, genesis file, signing record, and a chain of many events. */
export async function makeStoppedHome(home: string, heights: number): Promise<StoppedHome> {
  const paths = homePaths(home);
  const database = join(paths.dataDirectory, 'chain.db');
  await mkdir(paths.configDirectory, { recursive: true, mode: 0o700 });
  await mkdir(paths.dataDirectory, { recursive: true, mode: 0o700 });
  const kv = await openLevel(database);
  const chain = await eventfulChain(kv, heights);
  const metas = Array.from({ length: heights }, (_, index) => chain.blockStore.meta(index + 1) as BlockMeta);
  await kv.close();
  const files = new NodeFiles();
  const { privValidatorKeyFile, privValidatorStateFile } = paths;
  await createSignerFiles(files, privValidatorKeyFile, privValidatorStateFile, chain.keys[0] as Ed25519KeyPair);
  const signed = { height: heights, round: 0, step: SIGNER_STEP.precommit };
  await writeLastSigned(files, privValidatorStateFile, {
    ...signed,
    signBytes: new Uint8Array(0),
    signature: new Uint8Array(0),
  });
  await writeFile(paths.genesisFile, chain.genesisText);
  await writeFile(paths.configFile, formatConfig(loadSettings({})));
  await writeFile(paths.nodeKeyFile, formatNodeKeyFile(generateNodeKey()), { mode: 0o600 });
  return { paths, database, chain, metas };
}

/** Opens the database of a stopped home for a moment. */
export async function withRows<Result>(database: string, use: (kv: KeyValue) => Promise<Result>): Promise<Result> {
  const kv = await openLevel(database);
  try {
    return await use(kv);
  } finally {
    await kv.close();
  }
}

/** Digest of each file below a directory: what must not change, does not. */
export async function filesOf(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(
      path,
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
  }
  return files;
}
