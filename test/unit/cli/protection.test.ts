import assert from 'node:assert/strict';
import { chmod, cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HomePaths, homePaths } from '#config/home.ts';
import { readLastSigned } from '#signer/last-signed.ts';
import { FileSigner } from '#signer/signer.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { runCli } from '../../support/cli.ts';

const files = new NodeFiles();
const CHAIN = 'protected';

describe('keys protection', () => {
  let directory: string;
  let home: string;
  let paths: HomePaths;

  const openSigner = (of = paths) => FileSigner.open(files, of.privValidatorKeyFile, of.privValidatorStateFile);
  const sign = async (height: number, type: VoteType = PREVOTE, of = paths, round = 0, byte = 1) => {
    const signer = await openSigner(of);
    const hash = new Uint8Array(32).fill(byte);
    const blockId = { hash, partSetHeader: { total: 1, hash } };
    const validator = { validatorAddress: signer.address, validatorIndex: 0 };
    const vote = { type, height, round, blockId, timestamp: 5n, ...validator };
    try {
      return await signer.signVote(CHAIN, vote);
    } finally {
      await signer.close();
    }
  };
  const recordOf = (of = paths) => readLastSigned(files, of.privValidatorStateFile);
  const exported = async (of = home): Promise<string> => {
    const { code, out, errors } = await runCli(['keys', 'protection', 'export', '--home', of]);
    assert.equal(code, 0, errors);
    return out;
  };
  const importText = (text: string, of = home, ...flags: string[]) =>
    runCli(['keys', 'protection', 'import', '--home', of, ...flags], text);
  const copyOf = async (name: string): Promise<string> => {
    const copy = join(directory, name);
    await rm(copy, { recursive: true, force: true });
    await cp(home, copy, { recursive: true });
    return copy;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-protection-'));
    home = join(directory, 'home');
    paths = homePaths(home);
    const { code, errors } = await runCli(['init', 'node', '--home', home, '--chain-id', CHAIN]);
    assert.equal(code, 0, errors);
  });

  afterEach(() => rm(directory, { recursive: true }));

  it('R17: takes what was signed to another home, which then signs the same again and nothing else there', async () => {
    const before = await copyOf('before');
    const signed = await sign(42, PRECOMMIT);
    const path = join(directory, 'export.json');
    const wrote = await runCli(['keys', 'protection', 'export', '--home', home, '--output', path, '--json']);
    assert.deepEqual(JSON.parse(wrote.out), { file: path, height: 42, round: 0, step: 3 });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const { code, out } = await runCli(['keys', 'protection', 'import', path, '--home', before]);
    assert.deepEqual([code, out], [0, 'took over: this key has signed up to height/round/step 42/0/3']);
    const there = homePaths(before);
    assert.deepEqual(await recordOf(there), await recordOf());
    assert.deepEqual(await sign(42, PRECOMMIT, there), signed);
    await assert.rejects(sign(42, PRECOMMIT, there, 0, 2), { code: 'double_sign' });
    await assert.rejects(sign(41, PRECOMMIT, there), { code: 'double_sign' });
    await sign(43, PREVOTE, there);
    const again = await runCli(['keys', 'protection', 'export', '--home', home, '--output', path]);
    assert.deepEqual([again.code, again.errors], [2, `bizra-node: ${path} exists; choose another --output`]);
  });

  it('writes a document that names chain, genesis, key and place', async () => {
    await sign(7);
    const { metadata, data } = JSON.parse(await exported());
    assert.deepEqual(Object.keys(metadata), ['interchange_format_version', 'chain_id', 'genesis_hash']);
    assert.equal(metadata.chain_id, CHAIN);
    assert.match(metadata.genesis_hash, /^[0-9a-f]{64}$/);
    const key = JSON.parse(await readFile(paths.privValidatorKeyFile, 'utf8'));
    assert.equal(data.length, 1);
    assert.deepEqual(data[0].pub_key, key.pub_key);
    const { height, round, step } = data[0].last_signed;
    assert.deepEqual({ height, round, step }, { height: '7', round: '0', step: 'prevote' });
    assert.ok(!JSON.stringify(data).includes(key.priv_key.value));
  });

  it('R17: keeps the further record, whichever it is, and says so', async () => {
    const before = await copyOf('before');
    await sign(5, PRECOMMIT, homePaths(before));
    const older = await exported(before);
    await sign(6);
    const kept = await importText(older);
    assert.equal(kept.code, 0);
    assert.equal(
      kept.out,
      'kept the record of this home, which is as far or further: height/round/step 6/0/2 (the file: height/round/step 5/0/3)',
    );
    const asJson = await importText(older, home, '--json');
    assert.deepEqual(JSON.parse(asJson.out), { changed: false, height: 6, round: 0, step: 2 });
    assert.equal((await recordOf())?.height, 6);
    const newer = await exported();
    assert.deepEqual(JSON.parse((await importText(newer, before, '--json')).out), {
      changed: true,
      height: 6,
      round: 0,
      step: 2,
    });
    assert.deepEqual(await recordOf(homePaths(before)), await recordOf());
  });

  it('takes the minimal form, written by hand: nothing is signed at that place again', async () => {
    const file = JSON.parse(await exported());
    file.data[0].last_signed = { height: '90', round: '2', step: 'prevote' };
    assert.equal((await importText(JSON.stringify(file))).code, 0);
    await assert.rejects(sign(90, PREVOTE, paths, 2), { code: 'double_sign' });
    await sign(90, PRECOMMIT, paths, 2);
  });

  it('takes the furthest where the key is in the file more than once, and leaves other keys alone', async () => {
    const file = JSON.parse(await exported());
    const entry = (height: string) => ({ ...file.data[0], last_signed: { height, round: '0', step: 'prevote' } });
    const other = { ...entry('999'), pub_key: { ...file.data[0].pub_key, value: `${'A'.repeat(43)}=` } };
    file.data = [entry('4'), other, entry('9'), entry('6')];
    assert.equal((await importText(JSON.stringify(file))).code, 0);
    assert.equal((await recordOf())?.height, 9);
  });

  it('brings back a record that was lost', async () => {
    await sign(12);
    const text = await exported();
    await rm(paths.privValidatorStateFile);
    const lost = await runCli(['keys', 'protection', 'export', '--home', home]);
    assert.equal(lost.code, 2);
    assert.match(lost.errors, /signing record .* is missing/);
    assert.equal((await importText(text)).code, 0);
    assert.equal((await recordOf())?.height, 12);
  });

  it('R17: refuses a history in which the key signed two things at one place, and changes nothing', async () => {
    const other = await copyOf('other');
    await sign(8, PREVOTE, paths, 0, 1);
    await sign(8, PREVOTE, homePaths(other), 0, 2);
    const record = await recordOf();
    const { code, errors } = await importText(await exported(other));
    assert.equal(code, 1);
    assert.match(errors, /another thing signed at height\/round\/step 8\/0\/2 .*two processes/);
    assert.deepEqual(await recordOf(), record);
  });

  it('refuses both while a process signs with the key', async () => {
    const text = await exported();
    const signer = await openSigner();
    for (const refused of [await importText(text), await runCli(['keys', 'protection', 'export', '--home', home])]) {
      assert.equal(refused.code, 1);
      assert.match(refused.errors, /^bizra-node: another process signs with .*: stop it first/);
    }
    await signer.close();
    assert.equal((await importText(text)).code, 0);
  });

  it('refuses the file of another key or chain', async () => {
    await sign(3);
    const text = await exported();
    const other = join(directory, 'other');
    for (const [chain, words] of [
      [CHAIN, /metadata.genesis_hash is ".*": this home's genesis file has another hash/],
      ['elsewhere', /metadata.chain_id is "protected": this home is of chain elsewhere/],
    ] as const) {
      await rm(other, { recursive: true, force: true });
      await runCli(['init', 'node', '--home', other, '--chain-id', chain]);
      const refused = await importText(text, other);
      assert.equal(refused.code, 2);
      assert.match(refused.errors, words);
    }
    await cp(paths.genesisFile, homePaths(other).genesisFile);
    const refused = await importText(text, other);
    assert.equal(refused.code, 2);
    assert.match(refused.errors, /has nothing of this home's key .*another validator/);
    assert.equal((await recordOf(homePaths(other)))?.height, 0);
  });

  it('meets a bad file with one line that names the field, and changes nothing', async () => {
    await sign(3);
    const text = await exported();
    const changed = (change: (file: ReturnType<typeof JSON.parse>) => void): string => {
      const file = JSON.parse(text);
      change(file);
      return JSON.stringify(file);
    };
    const last = (fields: object) => changed(({ data }) => Object.assign(data[0].last_signed, fields));
    const minimal = (fields: object) =>
      changed(({ data }) => {
        data[0].last_signed = { height: '9', round: '0', step: 'prevote', ...fields };
      });
    const cases: readonly (readonly [text: string, words: RegExp])[] = [
      ['', /the file is empty/],
      [' \n', /the file is empty/],
      [text.slice(0, -20), /not JSON, or its end is missing/],
      ['\u001b[2J\u0007 hostile', /not JSON/],
      ['[]', /the file is not a JSON object/],
      ['null', /the file is not a JSON object/],
      ['{}', /metadata is missing/],
      [changed((file) => delete file.data), /data is not a list/],
      [changed((file) => (file.data = [])), /nothing of this home's key/],
      [changed((file) => (file.data = new Array(1_001).fill({}))), /more than 1000 keys/],
      [changed((file) => (file.data = [7])), /data\[0\] is not a JSON object/],
      [changed((file) => (file.metadata.interchange_format_version = '2')), /version is "2", not "1"/],
      [changed((file) => (file.metadata.interchange_format_version = 1)), /version is 1, not "1"/],
      [changed((file) => delete file.metadata.interchange_format_version), /version is missing/],
      [changed(({ data }) => delete data[0].pub_key), /data\[0\]\.pub_key is missing/],
      [changed(({ data }) => (data[0].pub_key.type = 'x')), /pub_key\.type is not/],
      [changed(({ data }) => (data[0].pub_key.value = '!')), /pub_key\.value is malformed/],
      [changed(({ data }) => delete data[0].last_signed), /last_signed is missing/],
      [minimal({ height: '-5' }), /height is "-5", not a whole number/],
      [minimal({ height: 9 }), /height is 9, not a whole number .* in quotes/],
      [minimal({ height: '9007199254740992' }), /height is "9007199254740992"/],
      [minimal({ height: '1e3' }), /height is "1e3"/],
      [minimal({ height: '9'.repeat(500) }), /height is "9{79}, not/],
      [minimal({ round: '2147483648' }), /round is "2147483648"/],
      [minimal({ round: '0.5' }), /round is "0.5"/],
      [minimal({ step: 'precommits' }), /step is "precommits", not one of/],
      [minimal({ step: 3 }), /step is 3, not one of/],
      [last({ sign_bytes: 'xyz' }), /sign_bytes is malformed/],
      [last({ sign_bytes: '0A' }), /sign_bytes is not what is signed/],
      [last({ height: '4' }), /sign_bytes is not what is signed/],
      [last({ step: 'precommit' }), /sign_bytes is not what is signed/],
      [last({ signature: undefined }), /signature is not this key's/],
      [last({ signature: Buffer.alloc(64).toString('base64') }), /signature is not this key's/],
      [last({ signature: 5 }), /signature is malformed/],
    ];
    const record = await recordOf();
    for (const [bad, words] of cases) {
      const { code, out, errors } = await importText(bad);
      assert.equal(code, 2, errors);
      assert.equal(out, '');
      assert.match(errors, words);
      assert.match(errors, /^bizra-node: slashing-protection file: [ -~]*$/, 'one line without control characters');
      assert.ok(errors.length < 400, errors);
    }
    assert.deepEqual(await recordOf(), record);
  });

  it('meets what is wrong with the home or the command the same way', async () => {
    const text = await exported();
    const { privValidatorKeyFile, privValidatorStateFile } = paths;
    const missing = join(directory, 'none');
    for (const [args, words] of [
      [['export', '--home', missing], /none.*there is no such file/],
      [['import', join(directory, 'none.json'), '--home', home], /none.json does not exist/],
      [['import', '--home', home], /give a file, or pipe one in/],
      [['imprt'], /unknown command/],
      [['export', '--home', home, 'extra'], /too many arguments/],
    ] as const) {
      const { code, errors } = await runCli(['keys', 'protection', ...args]);
      assert.equal(code, 2, errors);
      assert.match(errors, words);
    }
    await chmod(privValidatorKeyFile, 0o644);
    assert.equal((await importText(text)).code, 2);
    await chmod(privValidatorKeyFile, 0o600);
    await writeFile(privValidatorStateFile, '{', { mode: 0o600 });
    const damaged = await importText(text);
    assert.equal(damaged.code, 2);
    assert.match(damaged.errors, /signing record .* is damaged/);
    assert.equal(await readFile(privValidatorStateFile, 'utf8'), '{');
  });

  it('writes the record of a key that has signed nothing', async () => {
    assert.deepEqual(JSON.parse(await exported()).data[0].last_signed, { height: '0', round: '0', step: 'none' });
    const { code, out } = await importText(await exported());
    assert.equal(code, 0);
    assert.match(out, /^kept .* 0\/0\/0/);
  });
});
