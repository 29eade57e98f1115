import { readChainState } from '#engine/chain-store.ts';
import { rollback, rollbackRange } from '#node/rollback.ts';
import { BlockStore } from '#storage/block-store.ts';
import { DATABASE_PATH } from '../disk/disk.ts';
import type { DiskPort } from '../disk/disk-port.ts';
import type { Home } from './incarnation.ts';

/** What the operator does between two processes, in the life of the next one: it can be cut off like that. */
export async function takeBack(home: Home, disk: DiskPort): Promise<void> {
  const { takeBack: heights, name, parts } = home;
  if (heights === 0 || !(await disk.exists(DATABASE_PATH))) return;
  home.takeBack = 0;
  home.wentBack = true;
  const kv = await disk.openDatabase(DATABASE_PATH);
  const chainState = readChainState(kv);
  if (chainState !== undefined) {
    const { lowest, head } = rollbackRange(kv, await BlockStore.open(kv), chainState);
    const { from, to } = await rollback(kv, Math.max(lowest, head - heights));
    parts.say(name, `rolled back from ${from} to ${to}`);
    if (from > to) parts.coverage.hit('own blocks applied again');
  }
  await kv.close();
}

/** Blocks above the head were to be applied again; where bits of them were flipped, they come from peers and later. */
export function excuseShort(home: Home): void {
  const { name, parts, disk, replay, wentBack } = home;
  home.wentBack = false;
  if (!wentBack || disk.flips === 0) return;
  parts.checkers.forget(name);
  parts.durability.forget(name);
  replay.damaged();
}
