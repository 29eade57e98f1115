import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join, resolve } from 'node:path';

/*
 * Makes directories and files below the directory that is given, and says of each work in a line of JSON which
 * directories it synced. A process of its own, for the calls are replaced before anything is loaded that makes them.
 */

const { openSync, fsync } = fs;
const paths = new Map<number, string>();
let synced: string[] = [];
fs.openSync = (path, ...rest) => {
  const fd = openSync(path, ...rest);
  paths.set(fd, resolve(String(path)));
  return fd;
};
fs.fsync = ((fd: number, done: fs.NoParamCallback) => {
  synced.push(paths.get(fd) ?? '');
  fsync(fd, done);
}) as typeof fs.fsync;
syncBuiltinESMExports();

const { makeDirectory, writeTextFile } = await import('#config/home.ts');
const { writeBackup } = await import('#node/backup.ts');
const { MemoryKeyValue } = await import('#storage/memory.ts');
const { NodeFiles } = await import('#storage/node-files.ts');
const { DecidedChain } = await import('./decided-chain.ts');

const root = process.argv[2] as string;
process.chdir(root);
const kv = new MemoryKeyValue();
const chain = await DecidedChain.create(kv);
await chain.next([]);
const genesisFile = join(root, 'genesis.json');
fs.writeFileSync(genesisFile, chain.genesisText);

async function say(name: string, work: () => Promise<unknown>): Promise<void> {
  synced = [];
  await work();
  console.log(JSON.stringify([name, [...new Set(synced)].sort()]));
}

await say('files', () => new NodeFiles().makeDirectory(join(root, 'files', 'a', 'b')));
await say('home', () => makeDirectory(join(root, 'home', 'a', 'b')));
await say('relative', () => makeDirectory('relative/a/b/'));
await say('text', () => writeTextFile(join(root, 'text', 'a', 'b', 'file'), 'text', 0o600));
await say('backup', () =>
  writeBackup({ kv, genesisFile, time: '2026-01-01T00:00:00Z' }, { output: join(root, 'backup', 'a', 'b/') }),
);
