import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HomePaths, homePaths } from '#config/home.ts';
import { BackupReader } from '#storage/backup/reader.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { parseGenesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { type Run, runCli } from '../../support/cli.ts';
import { makeStoppedHome, type StoppedHome, withRows } from '../../support/stopped-home.ts';

const HEIGHTS = 14;

async function rowsOf(database: string): Promise<Map<string, string>> {
  return withRows(database, async (kv) => {
    const rows = new Map<string, string>();
    for await (const [key, value] of kv.iterate({})) rows.set(toHex(key), toHex(value));
    return rows;
  });
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

describe('backup and restore', function () {
  this.timeout(60_000);
  let root: string;
  let made: StoppedHome;
  let file: string;
  let count = 0;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'backup-cli-'));
    made = await makeStoppedHome(join(root, 'home'), HEIGHTS);
    file = join(root, 'file');
    const { code, errors } = await runCli(['backup', '--home', made.paths.home, '--output', file]);
    deepEqual([code, errors], [0, '']);
  });

  after(() => rm(root, { recursive: true }));

  /** A home of the same keys and chain, without data. */
  const emptyHome = async (): Promise<HomePaths> => {
    const paths = homePaths(join(root, `empty${count++}`));
    await cp(made.paths.configDirectory, paths.configDirectory, { recursive: true });
    await mkdir(paths.dataDirectory);
    return paths;
  };

  const restore = (home: string, input = file): Promise<Run> => runCli(['restore', '--home', home, '--input', input]);

  const refuses = async (paths: HomePaths, input: string, code: number, why: RegExp): Promise<void> => {
    const { code: exit, errors } = await restore(paths.home, input);
    match(errors, why);
    equal(errors.split('\n').length, 1, 'one line');
    equal(exit, code);
    deepEqual(
      (await readdir(paths.dataDirectory)).filter((name) => name.startsWith('chain.db')),
      [],
      'nothing is left',
    );
  };

  it('restores what was there, and leaves the signing record as it is', async () => {
    const paths = await emptyHome();
    await cp(made.paths.privValidatorStateFile, paths.privValidatorStateFile);
    // As a killed restore leaves it.
    const unfinished = join(paths.dataDirectory, 'chain.db.unfinished');
    await mkdir(unfinished);
    await writeFile(join(unfinished, 'CURRENT'), 'rubbish');
    const { code, out, errors } = await restore(paths.home);
    deepEqual([code, errors], [0, '']);
    match(out, new RegExp(`height +${HEIGHTS}\n`));
    ok(!out.includes('is missing'));
    deepEqual(await rowsOf(join(paths.dataDirectory, 'chain.db')), await rowsOf(made.database));
    deepEqual(await readFile(paths.privValidatorStateFile), await readFile(made.paths.privValidatorStateFile));
    deepEqual((await readdir(paths.dataDirectory)).sort(), ['chain.db', 'priv_validator_state.json']);
  });

  it('restores into a database directory that was emptied', async () => {
    const paths = await emptyHome();
    const database = join(paths.dataDirectory, 'chain.db');
    await mkdir(database);
    const { code, errors } = await restore(paths.home);
    deepEqual([code, errors], [0, '']);
    deepEqual(await rowsOf(database), await rowsOf(made.database));
  });

  it('says what a validator without its signing record has to do', async () => {
    const { out } = await restore((await emptyHome()).home);
    match(out, /priv_validator_state\.json is missing: .*\n.*--recover-signing-record/);
  });

  it('makes a home with new keys and no record where there is none', async () => {
    const paths = homePaths(join(root, 'nowhere'));
    const { code, out } = await restore(paths.home);
    equal(code, 0);
    match(out, /The home is new: its keys are new ones/);
    const genesis = parseGenesis(await readFile(paths.genesisFile, 'utf8'));
    deepEqual(genesis.hash, made.chain.genesis.hash);
    ok(await isThere(paths.configFile));
    equal(await isThere(paths.privValidatorStateFile), false);
    const [own, old] = [paths, made.paths].map(({ privValidatorKeyFile }) => readFile(privValidatorKeyFile, 'utf8'));
    ok((await own) !== (await old));
  });

  it('leaves no part of a home that could not be made: the next restore makes it', async () => {
    const paths = homePaths(join(root, 'inTheWay'));
    // As a full disk does, after the first file.
    const inTheWay = `${paths.privValidatorStateFile}.tmp`;
    await mkdir(inTheWay, { recursive: true });
    equal((await restore(paths.home)).code, 1);
    equal(await isThere(paths.configDirectory), false);
    await rm(inTheWay, { recursive: true });
    equal((await restore(paths.home)).code, 0);
  });

  it('leaves a signing record alone whose key is not there', async () => {
    const paths = homePaths(join(root, 'recordOnly'));
    await mkdir(paths.dataDirectory, { recursive: true });
    await cp(made.paths.privValidatorStateFile, paths.privValidatorStateFile);
    await refuses(paths, file, 2, /priv_validator_state\.json is there, but not the key .*: put the files of config/);
    deepEqual(await readFile(paths.privValidatorStateFile), await readFile(made.paths.privValidatorStateFile));
    equal(await isThere(paths.configDirectory), false, 'nothing was made');
  });

  it('takes a missing genesis file from the backup, and asks for whole homes', async () => {
    const paths = await emptyHome();
    await rm(paths.genesisFile);
    equal((await restore(paths.home)).code, 0);
    deepEqual(parseGenesis(await readFile(paths.genesisFile, 'utf8')).hash, made.chain.genesis.hash);
    const part = await emptyHome();
    await rm(part.genesisFile);
    await rm(part.configFile);
    await refuses(part, file, 2, /holds a part of a home/);
  });

  it('refuses a home with data', async () => {
    const before = await rowsOf(made.database);
    const { code, errors } = await restore(made.paths.home);
    equal(code, 2);
    match(errors, /chain\.db exists: a backup is restored into a home without data; .*priv_validator_state\.json/);
    deepEqual(await rowsOf(made.database), before);
  });

  it('refuses one of another chain, or of the same name with another genesis', async () => {
    const text = await readFile(made.paths.genesisFile, 'utf8');
    const { chainId } = made.chain.genesis;
    const paths = await emptyHome();
    await writeFile(paths.genesisFile, text.replaceAll(chainId, 'other-chain'));
    await refuses(paths, file, 2, new RegExp(`is of chain ${chainId}, this home of other-chain`));
    const json = JSON.parse(text);
    json.genesis_time = '2020-01-01T00:00:00Z';
    await writeFile(paths.genesisFile, JSON.stringify(json));
    await refuses(paths, file, 2, new RegExp(`of chain ${chainId} with another genesis file`));
  });

  it('refuses a damaged one and says where, and so does `backup verify`', async () => {
    const bytes = await readFile(file);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] as number) ^ 1;
    const damaged = join(root, 'damaged');
    await writeFile(damaged, bytes);
    await refuses(await emptyHome(), damaged, 1, /is damaged: section \d+ \(records\), at offset \d+: /);
    const { code, errors } = await runCli(['backup', 'verify', damaged]);
    equal(code, 1);
    match(errors, /is damaged: section \d+ \(records\), at offset \d+: /);
    equal((await runCli(['backup', 'verify', file])).code, 0);
    const { out } = await runCli(['backup', 'verify', '--json', file]);
    equal(JSON.parse(out).height, HEIGHTS);
    await refuses(await emptyHome(), made.paths.configFile, 2, /is not a backup of bizra-node/);
    await refuses(await emptyHome(), join(root, 'absent'), 2, /absent: there is no such file/);
  });

  it('refuses one whose state does not give its app hash', async () => {
    const copy = await emptyHome();
    const database = join(copy.dataDirectory, 'chain.db');
    await cp(made.database, database, { recursive: true });
    await withRows(database, async (kv) => {
      const batch = kv.batch();
      for await (const [key, value] of kv.iterate({ gte: Uint8Array.of(KEY_SPACE.leaves), limit: 1 })) {
        value[0] = (value[0] as number) ^ 1;
        batch.put(key, value);
      }
      await batch.write({ sync: true });
    });
    const bad = join(root, 'bad');
    equal((await runCli(['backup', '--home', copy.home, '--output', bad])).code, 0);
    await refuses(await emptyHome(), bad, 2, /was made of a damaged database and cannot be used: .*root/);
    const { code, errors } = await runCli(['backup', 'verify', bad]);
    equal(code, 2);
    match(errors, /was made of a damaged database and cannot be used: .*root/);
  });

  it('refuses one with the genesis file of another chain in it, where that is needed', async () => {
    const copy = await emptyHome();
    await cp(made.database, join(copy.dataDirectory, 'chain.db'), { recursive: true });
    await writeFile(copy.genesisFile, (await readFile(copy.genesisFile, 'utf8')).replaceAll('sim-1', 'sim-2'));
    const bad = join(root, 'otherGenesis');
    equal((await runCli(['backup', '--home', copy.home, '--output', bad])).code, 0);
    const { code, errors } = await runCli(['backup', 'verify', bad]);
    deepEqual([code, /the genesis document in .*otherGenesis is not the chain's/.test(errors)], [2, true]);
    equal((await restore(join(root, 'bare'), bad)).code, 2);
    equal(await isThere(join(root, 'bare')), false);
    equal((await restore((await emptyHome()).home, bad)).code, 0);
  });

  it('holds no key and nothing of the signing record', async () => {
    const secrets = [];
    for (const path of [made.paths.privValidatorKeyFile, made.paths.nodeKeyFile]) {
      const { priv_key } = JSON.parse(await readFile(path, 'utf8'));
      secrets.push(Buffer.from(priv_key.value, 'base64'));
    }
    secrets.push(Buffer.from('signbytes'), Buffer.from('"step"'));
    const reader = await BackupReader.open(file);
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.genesis()) pieces.push(piece);
    for await (const records of reader.sections()) for (const record of records) pieces.push(...record);
    await reader.close();
    const all = Buffer.concat(pieces);
    for (const secret of secrets) ok(secret.length > 4 && !all.includes(secret), secret.toString('hex'));
  });

  it('wants to be told where to and where from', async () => {
    const { home } = made.paths;
    const usage = async (...args: string[]): Promise<string> => {
      const { code, errors } = await runCli(args);
      equal(code, 2, args.join(' '));
      return errors;
    };
    match(await usage('backup', '--home', home), /give --output FILE/);
    match(await usage('backup', '--home', home, '--output', ''), /give --output FILE/);
    match(await usage('restore', '--home', home), /give --input FILE/);
    match(await usage('backup', '--home', home, '--output', file), /file exists: choose another name/);
    match(
      await usage('backup', '--home', join(root, 'none'), '--output', join(root, 'x')),
      /there is no such database/,
    );
    match(await usage('backup', '--home', home, '--output', join(root, 'no', 'x')), /there is no directory .*no: make/);
  });
});
