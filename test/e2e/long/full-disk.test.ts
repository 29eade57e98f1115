import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readLastSigned } from '#signer/last-signed.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { skipBecause } from '../../support/skip.ts';
import { run, startNode } from '../support/process.ts';
import { until } from '../support/rpc.ts';

const command = promisify(execFile);

/** A whole home, and twice the room that a home needs to run for a while. */
const HOME_MIB = 16;
const ROOMY_MIB = 64;
const IMAGE_BYTES = 32 * 1024 * 1024;
/** What is left of the device below a running node: its file system's head alone. */
const TORN_BYTES = 1024 * 1024;

const ADDRESSES = ['--p2p.laddr', 'tcp://127.0.0.1:0', '--rpc.laddr', 'tcp://127.0.0.1:0'];
/** Blocks as fast as they come fill a disk in seconds. */
const PACE = ['--block-interval', '0', '--empty-block-interval', '0'];

interface Ended {
  readonly code: number | null;
  /** Lines that are no log lines. */
  readonly errors: readonly string[];
  readonly height: number;
}

describe('R15: a disk that is full or broken', () => {
  let directory: string;
  let mounts: string[];
  let devices: string[];

  before(async function () {
    const probe = await mkdtemp(join(tmpdir(), 'bizra-mount-'));
    try {
      await command('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe]);
      await command('umount', [probe]);
    } catch {
      skipBecause(this, 'mounting a file system is not permitted here');
    } finally {
      await rm(probe, { recursive: true });
    }
  });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-full-'));
    mounts = [];
    devices = [];
  });

  afterEach(async () => {
    for (const path of mounts) await command('umount', [path]);
    for (const device of devices) await command('losetup', ['-d', device]);
    await rm(directory, { recursive: true });
  });

  const mountTmpfs = async (path: string, mib: number): Promise<void> => {
    await mkdir(path, { recursive: true });
    await command('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path]);
    mounts.push(path);
  };

  const init = async (home: string): Promise<void> => {
    const { code, stderr } = await run(['init', 'node', '--home', home, ...PACE, ...ADDRESSES]);
    assert.equal(code, 0, stderr);
  };

  /** Runs until the node ends by itself, or `enough` says so; then with a signal. */
  const startUntil = async (home: string, enough: (height: number) => boolean | Promise<boolean>): Promise<Ended> => {
    const path = join(directory, 'log');
    await writeFile(path, '');
    const log = await open(path, 'r+');
    const child = startNode(home, [], log.fd);
    const closed = once(child, 'close') as Promise<[number | null]>;
    const text = () => readFile(path, 'utf8');
    await until('the node ends', async () => child.exitCode !== null || (await enough(heightIn(await text()))), 90_000);
    child.kill('SIGTERM');
    const [code] = await closed;
    await log.close();
    const lines = (await text()).trimEnd().split('\n');
    return {
      code,
      errors: lines.filter((line) => line !== '' && !LOG_LINE.test(line)),
      height: heightIn(lines.join('\n')),
    };
  };
  const toTheEnd = (home: string): Promise<Ended> => startUntil(home, () => false);

  const assertEnded = ({ code, errors }: Ended, words: RegExp): void => {
    assert.equal(code, 1, errors.join('\n'));
    assert.equal(errors.length, 1, errors.join('\n'));
    assert.match(errors[0] ?? '', words);
  };

  /** Room again: it goes on from where it was, and the key from where its record is. */
  const assertRecovers = async (home: string, height: number): Promise<void> => {
    const state = join(home, 'data/priv_validator_state.json');
    const signed = (await readLastSigned(new NodeFiles(), state))?.height ?? 0;
    assert.ok(signed <= height + 1, `signed at ${signed}, with ${height} decided`);
    const { code, errors, height: now } = await startUntil(home, (at) => at >= height + 20);
    assert.deepEqual([code, errors], [0, []]);
    assert.ok(now >= height + 20);
  };

  it('the whole home: one line, exit code 1, refused until there is room, then it goes on', async function () {
    this.timeout(240_000);
    const disk = join(directory, 'disk');
    const home = join(disk, 'home');
    await mountTmpfs(disk, HOME_MIB);
    await init(home);
    const ended = await toTheEnd(home);
    assert.ok(ended.height > 0);
    assertEnded(ended, /^bizra-node: .*the disk is full: free some space/);
    assertEnded(await toTheEnd(home), /^bizra-node: .*the disk is full: free some space/);
    await command('mount', ['-o', `remount,size=${ROOMY_MIB}m`, disk]);
    await assertRecovers(home, ended.height);
  });

  for (const [name, words] of [
    ['wal', /cannot (write|sync) .*wal-\d+: the disk is full/],
    ['chain.db', /the database could not be written: the disk is full/],
  ] as const) {
    it(`data/${name} alone: one line, exit code 1, then it goes on`, async function () {
      this.timeout(240_000);
      const home = join(directory, 'home');
      await init(home);
      const first = await startUntil(home, (height) => height >= 5);
      assert.equal(first.code, 0, first.errors.join('\n'));
      const path = join(home, 'data', name);
      const before = join(directory, name);
      await rename(path, before);
      await mountTmpfs(path, 2);
      await cp(before, path, { recursive: true });
      const ended = await toTheEnd(home);
      assertEnded(ended, words);
      await command('mount', ['-o', `remount,size=${ROOMY_MIB}m`, path]);
      await assertRecovers(home, ended.height);
    });
  }

  it('a device that refuses to sync: one line, exit code 1, nothing decided after it', async function () {
    this.timeout(120_000);
    const image = join(directory, 'image');
    const disk = join(directory, 'disk');
    await mkdir(disk);
    await writeFile(image, '');
    await truncate(image, IMAGE_BYTES);
    let device = '';
    try {
      device = (await command('losetup', ['-f', '--show', image])).stdout.trim();
      devices.push(device);
      await command('mkfs.ext4', ['-q', '-F', device]);
      await command('mount', [device, disk]);
      mounts.push(disk);
    } catch {
      skipBecause(this, 'loop devices are not permitted here');
    }
    const home = join(disk, 'home');
    await init(home);
    let tornAt = 0;
    const ended = await startUntil(home, async (height) => {
      if (height < 5 || tornAt > 0) return false;
      tornAt = height;
      await truncate(image, TORN_BYTES);
      await command('losetup', ['-c', device]);
      return false;
    });
    assertEnded(ended, /the disk reported an error|read-only/);
  });
});

/** A line of the node's log, which begins with its time. */
const LOG_LINE = /^\d{4}-\d\d-\d\dT/;

function heightIn(log: string): number {
  return Number([...log.matchAll(/ block height=(\d+) /g)].at(-1)?.[1] ?? 0);
}
