import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { damagedFile } from './errors.ts';
import { currentManifest, Manifest } from './manifest.ts';
import { readLog } from './record-log.ts';

const LOG_NAME = /^(\d+)\.log$/;
const TABLE_NAME = /^(\d+)\.(?:ldb|sst)$/;

/**
 * Looks at what LevelDB reads when it opens a database, before it does: the manifest, the logs, the sizes of tables.
 * Resolves to the names of tables that count, by number: a merger that was not finished leaves others. Throws MachineError 'damaged' that names the file.
 */
export async function checkFiles(directory: string): Promise<Map<number, string>> {
  const names = await listing(directory);
  const tables = numbered(names, TABLE_NAME);
  const manifestName = currentManifest(directory);
  if (manifestName === undefined) {
    if (tables.size > 0) throw damagedFile(join(directory, 'CURRENT'), 'or missing');
    return tables;
  }
  const manifest = new Manifest(directory, manifestName);
  try {
    await checkTables(directory, manifest, tables);
    for (const number of tables.keys()) if (!manifest.tables.has(number)) tables.delete(number);
    for (const [number, name] of numbered(names, LOG_NAME)) {
      if (number >= manifest.logNumber || number === manifest.previousLogNumber) await checkLog(join(directory, name));
    }
  } finally {
    manifest.close();
  }
  return tables;
}

async function checkTables(directory: string, { tables }: Manifest, names: Map<number, string>): Promise<void> {
  for (const { number, size } of tables.values()) {
    const name = names.get(number);
    if (name === undefined) throw damagedFile(`${directory} (its table ${number})`, 'or missing');
    const found = await stat(join(directory, name));
    if (found.size !== size) throw damagedFile(join(directory, name), `: it has ${found.size} bytes and not ${size}`);
  }
}

/** A log that ends in a record which was never finished is what a crash leaves: nobody was told of it. */
async function checkLog(path: string): Promise<void> {
  const { end, next } = readLog(await readFile(path));
  if (end === 'damaged') throw damagedFile(path, `behind byte ${next}`);
}

async function listing(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

function numbered(names: readonly string[], form: RegExp): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of names) {
    const number = form.exec(name)?.[1];
    if (number !== undefined) found.set(Number(number), name);
  }
  return found;
}
