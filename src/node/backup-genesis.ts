import { badBackup } from '#storage/backup/format.ts';
import type { BackupReader } from '#storage/backup/reader.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';

/** The genesis document in a backup, before its records are read. Throws 'bad_backup' when it is not the chain's. */
export async function genesisIn(reader: BackupReader): Promise<{ readonly text: string; readonly genesis: Genesis }> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reader.genesis()) pieces.push(piece);
  const text = Buffer.concat(pieces).toString('utf8');
  const genesis = parse(text);
  if (genesis !== undefined && toHex(genesis.hash) === reader.header.genesis_hash) return { text, genesis };
  throw badBackup(
    `the genesis document in ${reader.path} is not the chain's, so it restores only into a home that has the right genesis.json: put that into the home, and into the one that is backed up`,
  );
}

function parse(text: string): Genesis | undefined {
  try {
    return parseGenesis(text);
  } catch (error) {
    if (error instanceof BizraError) return undefined;
    throw error;
  }
}
