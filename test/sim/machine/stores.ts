import { initializeChain } from '#node/database.ts';
import { ensureDatabase } from '#node/fresh-database.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { type KeyLock, NO_LOCK } from '#signer/key-lock.ts';
import { FileSigner } from '#signer/signer.ts';
import { BlockStore } from '#storage/block-store.ts';
import { Wal } from '#storage/wal.ts';
import type { Genesis } from '#types/genesis.ts';
import type { Signatures } from '../chain/signatures.ts';
import { DATABASE_PATH, KEY_PATH, STATE_PATH, WAL_PATH } from '../disk/disk.ts';
import type { DiskPort } from '../disk/disk-port.ts';

/** What a process has open on its disk. */
export interface Stores {
  readonly signer: FileSigner;
  readonly wal: Wal;
  readonly kv: KeyValue;
}

export interface StoreOptions {
  readonly genesis: Genesis;
  readonly signatures: Signatures;
  readonly walRotateBytes: number;
  /** Before the database is opened: may make one where there is none. */
  readonly begin: () => Promise<void>;
}

/** In the order in which the daemon opens them; a process can die between any two. */
export async function openStores(disk: DiskPort, options: StoreOptions): Promise<Stores> {
  const { genesis, signatures, walRotateBytes, begin } = options;
  const lock = (): Promise<KeyLock> => lockAt(disk);
  const signer = await FileSigner.open(disk.files, KEY_PATH, STATE_PATH, {
    lock,
    sign: signatures.sign,
    recordOptional: true,
  });
  await disk.pass('start: signer open, log not opened');
  const wal = await Wal.open(disk.files, WAL_PATH, { rotateBytes: walRotateBytes });
  await disk.pass('start: log read, database not opened');
  await begin();
  return { signer, wal, kv: await openDatabase(disk, genesis) };
}

/** Nobody else is there to hold it, but a process can die on either side of it. */
async function lockAt(disk: DiskPort): Promise<KeyLock> {
  await disk.pass('signer: lock not taken');
  const lock = await NO_LOCK('', new Uint8Array(20));
  await disk.pass('signer: lock taken, record not read');
  return lock;
}

async function openDatabase(disk: DiskPort, genesis: Genesis): Promise<KeyValue> {
  const open = (path: string): Promise<KeyValue> => disk.openDatabase(path);
  const fill = async (kv: KeyValue): Promise<void> => initializeChain(kv, genesis, await BlockStore.open(kv));
  await ensureDatabase(disk, DATABASE_PATH, open, fill);
  return open(DATABASE_PATH);
}
