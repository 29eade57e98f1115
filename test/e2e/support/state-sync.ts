import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_PREFIX } from '#cli/genesis-builder.ts';
import { encodeBech32 } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import type { FaultNet } from './fault-net.ts';
import { blockHashAt, pause, until } from './rpc.ts';

const ADDRESS_BYTES = 20;
const ON_ITS_WAY_MS = 240_000;

/** For a node without data: begin with a snapshot, and trust this header, which `rpc` answers with. */
export async function stateSyncFlags(rpc: string, trustHeight: number): Promise<string[]> {
  const hash = await blockHashAt(rpc, trustHeight);
  return [
    ...['--statesync.enable', 'true'],
    ...['--statesync.trust_height', String(trustHeight)],
    ...['--statesync.trust_hash', hash],
    ...['--statesync.discovery_time_ms', '1500'],
    ...['--statesync.fallback', 'false'],
  ];
}

/** For `--genesis-accounts`: a state that takes some chunks. */
export async function writeManyAccounts(path: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, index) => {
    const address = sha256(new TextEncoder().encode(`one of many ${index}`)).subarray(0, ADDRESS_BYTES);
    return `${encodeBech32(DEFAULT_PREFIX, address)} ${1_000_000 + index}`;
  });
  await writeFile(path, `${lines.join('\n')}\n`);
}

/** As an operator does it on a node that is off: all data goes, the key's record stays. */
export async function removeData(home: string): Promise<void> {
  for (const name of ['chain.db', 'chain.db.syncing', 'wal', 'snapshots', 'addresses.json'])
    await rm(join(home, 'data', name), { recursive: true, force: true });
}

/**
 * Starts node `index`, which is off and has no data, again and again, and kills it while it syncs: first while it looks
 * for snapshots, then each time `laterMs` later after it has begun to fetch one. It is off at the end.
 */
export async function killOnTheWay(
  net: FaultNet,
  index: number,
  flags: readonly string[],
  { kills, laterMs }: { readonly kills: number; readonly laterMs: number },
): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    const before = (await net.log(index)).length;
    await net.restart(index, ...flags);
    const sign = kill === 0 ? /state sync|started/ : /headers verified|headers fetched|started/;
    const isOnItsWay = async (): Promise<boolean> => sign.test((await net.log(index)).slice(before));
    await until('the process is on its way', isOnItsWay, ON_ITS_WAY_MS);
    await pause(kill * laterMs);
    await net.kill(index);
  }
}
