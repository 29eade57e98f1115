import { LeafHasher } from '#state/leaf-changes.ts';
import { loadVersion } from '#state/load.ts';
import { HEAD_KEY } from '#state/rows.ts';
import { Trie } from '#state/trie.ts';
import { type BackupHeader, type BackupRecord, badBackup } from '#storage/backup/format.ts';
import { BackupReader } from '#storage/backup/reader.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { genesisIn } from './backup-genesis.ts';

export interface VerifiedBackup extends BackupHeader {
  readonly file: string;
  readonly records: number;
  /** Of the file. */
  readonly bytes: number;
  readonly sha256: string;
}

export interface VerifyProgress {
  readonly step: 'reading' | 'computing the app hash';
  readonly bytes: number;
  readonly size: number;
}

/**
 * Reads a backup whole, without restoring it: every byte is as it was written, the genesis document is the chain's, and
 * the state gives the app hash that the backup names. Throws 'damaged_backup' and 'bad_backup'.
 */
export async function verifyBackup(
  path: string,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<VerifiedBackup> {
  let head: Uint8Array | undefined;
  const verified = await withReader(path, async (reader) => {
    await genesisIn(reader);
    for await (const records of reader.sections()) {
      head ??= records.find(([key]) => equalBytes(key, HEAD_KEY))?.[1].slice();
      onProgress({ step: 'reading', bytes: reader.offset, size: reader.size });
    }
    const { header, records, size, trailer } = reader;
    return { file: path, ...header, records, bytes: size, sha256: trailer?.sha256 ?? '' };
  });
  // The head record comes behind the leaves that it is about.
  const appHash = await withReader(path, (reader) =>
    appHashIn(reader, head, () =>
      onProgress({ step: 'computing the app hash', bytes: reader.offset, size: reader.size }),
    ),
  );
  if (toHex(appHash) !== verified.app_hash)
    throw badBackup(`${path} holds a state of app hash ${toHex(appHash)} instead of ${verified.app_hash}`);
  return verified;
}

async function appHashIn(
  reader: BackupReader,
  head: Uint8Array | undefined,
  onSection: () => void,
): Promise<Uint8Array> {
  const rows = { get: () => head, iterate: () => leavesIn(reader, onSection) };
  try {
    return (await loadVersion(rows, new Trie(), new LeafHasher())).appHash;
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    throw badBackup(`${reader.path} was made of a damaged database and cannot be used: ${error.message}`);
  }
}

async function* leavesIn(reader: BackupReader, onSection: () => void): AsyncGenerator<BackupRecord> {
  for await (const records of reader.sections()) {
    for (const record of records) if (record[0][0] === KEY_SPACE.leaves) yield record;
    onSection();
  }
}

async function withReader<Result>(path: string, use: (reader: BackupReader) => Promise<Result>): Promise<Result> {
  const reader = await BackupReader.open(path);
  try {
    return await use(reader);
  } finally {
    await reader.close();
  }
}
