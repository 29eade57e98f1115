import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectSecp256k1HdWallet } from '@cosmjs/proto-signing';
import {
  addressText,
  keyOfHex,
  keyOfMnemonic,
  keysOfMnemonic,
  newMnemonic,
  normalizeMnemonic,
} from '#cli/account-key.ts';
import { decryptSecret, encryptSecret, isEncryptedKey } from '#cli/key-cipher.ts';
import { Keyring } from '#cli/keyring.ts';
import { TEST_ACCOUNT_MNEMONICS, testAccounts } from '#cli/test-accounts.ts';
import { toHex } from '#util/bytes.ts';

const PASSPHRASE = 'correct horse battery';

describe('account keys', () => {
  it('gives the addresses that cosmjs gives, for any prefix and for the test accounts', async () => {
    for (const [, mnemonic] of [...TEST_ACCOUNT_MNEMONICS, ['', newMnemonic()] as const]) {
      for (const prefix of ['bizra', 'cosmos']) {
        const wallet = await DirectSecp256k1HdWallet.fromMnemonic(mnemonic, { prefix });
        const [account] = await wallet.getAccounts();
        const key = await keyOfMnemonic(mnemonic);
        assert.equal(addressText(prefix, key.address), account?.address);
        assert.deepEqual(key.publicKey, account?.pubkey);
      }
    }
  });

  it('counts the accounts of a mnemonic by the last number of the path', async () => {
    const mnemonic = newMnemonic();
    const keys = await keysOfMnemonic(mnemonic, 3);
    assert.deepEqual(keys[2], await keyOfMnemonic(mnemonic, 2));
    assert.notDeepEqual(keys[0], keys[1]);
  });

  it('has four different test accounts whose words are valid', async () => {
    assert.equal(new Set((await testAccounts()).map(({ key }) => toHex(key.address))).size, 4);
    for (const [, mnemonic] of TEST_ACCOUNT_MNEMONICS) assert.equal(normalizeMnemonic(mnemonic), mnemonic);
  });

  it('takes a mnemonic as people paste it and refuses a wrong word without repeating it', () => {
    const mnemonic = newMnemonic();
    assert.equal(normalizeMnemonic(`  ${mnemonic.toUpperCase().replaceAll(' ', '\n ')} `), mnemonic);
    const wrong = mnemonic.replace(/^\w+/, mnemonic.startsWith('zoo') ? 'abandon' : 'zoo');
    for (const text of ['', 'abandon', wrong, `${mnemonic} zoo`]) {
      assert.throws(
        () => normalizeMnemonic(text),
        (error: Error & { code: string }) => error.code === 'usage' && !error.message.includes(mnemonic.slice(-20)),
      );
    }
  });

  it('secp-key-and-signature-form: refuses keys outside of the group at import, without repeating them', () => {
    const order = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';
    for (const hex of [
      '00'.repeat(32),
      order,
      'ff'.repeat(32),
      '11'.repeat(31),
      '11'.repeat(33),
      'zz'.repeat(32),
      '',
    ]) {
      assert.throws(
        () => keyOfHex(hex),
        (error: Error & { code: string }) => error.code === 'usage' && (hex === '' || !error.message.includes(hex)),
      );
    }
    assert.equal(toHex(keyOfHex(`0x${'11'.repeat(32)}\n`).privateKey), '11'.repeat(32));
  });
});

describe('encryption at rest', () => {
  it('opens with the passphrase and the context alone; every fault has the same words', async () => {
    const secret = new Uint8Array(32).fill(7);
    const encrypted = await encryptSecret(secret, PASSPHRASE, 'context');
    assert.ok(isEncryptedKey(encrypted) && encrypted.n >= 2 ** 17);
    assert.deepEqual(await decryptSecret(encrypted, PASSPHRASE, 'context'), secret);
    const flipped = Buffer.from(encrypted.ciphertext, 'base64');
    flipped[3] = (flipped[3] as number) ^ 1;
    const faults = [
      () => decryptSecret(encrypted, `${PASSPHRASE}x`, 'context'),
      () => decryptSecret(encrypted, PASSPHRASE, 'other'),
      () => decryptSecret({ ...encrypted, ciphertext: flipped.toString('base64') }, PASSPHRASE, 'context'),
      () => decryptSecret({ ...encrypted, ciphertext: '' }, PASSPHRASE, 'context'),
    ];
    const messages = new Set<string>();
    for (const fault of faults) {
      await assert.rejects(fault, (error: Error & { code: string }) => {
        messages.add(error.message);
        return error.code === 'bad_passphrase';
      });
    }
    assert.equal(messages.size, 1);
  });

  it('refuses parameters that are weak or would take all memory', async () => {
    const encrypted = await encryptSecret(new Uint8Array(32), PASSPHRASE, '');
    const bad = [
      { n: 2 ** 16 },
      { n: 2 ** 24 },
      { n: 2 ** 17 + 1 },
      { r: 9 },
      { p: 2 },
      { kdf: 'x' },
      { cipher: 'x' },
      { salt: 1 },
    ];
    for (const change of bad) assert.equal(isEncryptedKey({ ...encrypted, ...change }), false, JSON.stringify(change));
    for (const value of [null, 1, 'x', [], {}]) assert.equal(isEncryptedKey(value), false);
  });
});

describe('keyring', () => {
  let home = '';
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'bizra-keyring-'));
  });
  afterEach(() => rm(home, { recursive: true }));

  const ask = (passphrase: string) => () => Promise.resolve(passphrase);

  it('key-secrecy: keeps keys encrypted in files of mode 0600, and refuses looser ones', async () => {
    const keyring = new Keyring(home);
    const key = await keyOfMnemonic(newMnemonic());
    await keyring.add('one', key, PASSPHRASE);
    const path = join(home, 'keyring', 'one.json');
    const text = await readFile(path, 'utf8');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    for (const encoding of ['hex', 'base64', 'latin1'] as const) {
      assert.ok(!text.includes(Buffer.from(key.privateKey).toString(encoding)), encoding);
    }
    assert.deepEqual(await keyring.unlock('one', ask(PASSPHRASE)), key);
    await assert.rejects(keyring.unlock('one', ask('wrong passphrase')), { code: 'bad_passphrase' });
    await chmod(path, 0o644);
    await assert.rejects(keyring.unlock('one', ask(PASSPHRASE)), { code: 'home_invalid', message: /chmod 600/ });
  });

  it('never overwrites a key, and lists what it has', async () => {
    const keyring = new Keyring(home);
    assert.deepEqual(await keyring.list(), []);
    const [a, b] = await testAccounts();
    assert.ok(a !== undefined && b !== undefined);
    await keyring.addPublicTestKey('b', b.key);
    await keyring.addPublicTestKey('a', a.key);
    await assert.rejects(keyring.addPublicTestKey('a', b.key), { code: 'usage' });
    assert.deepEqual(
      (await keyring.list()).map(({ name, publicTestKey }) => [name, publicTestKey]),
      [
        ['a', true],
        ['b', true],
      ],
    );
    assert.deepEqual(await keyring.unlock('a', () => assert.fail('a test key needs no passphrase')), a.key);
    assert.match(await readFile(join(home, 'keyring', 'a.json'), 'utf8'), /PUBLIC TEST KEY/);
    await keyring.delete('a');
    await assert.rejects(keyring.show('a'), { code: 'usage', message: /its keys are: b/ });
    assert.deepEqual(await readdir(join(home, 'keyring')), ['b.json']);
  });

  it('refuses names that leave the directory', async () => {
    const keyring = new Keyring(home);
    for (const name of ['', '..', '../x', 'a/b', '.hidden', 'a\u0000b', 'x'.repeat(65), '-x']) {
      await assert.rejects(keyring.show(name), { code: 'usage' }, name);
    }
  });

  it('names the file and the fault of a broken key file', async () => {
    const keyring = new Keyring(home);
    const key = await keyOfMnemonic(newMnemonic());
    await keyring.add('one', key, PASSPHRASE);
    const path = join(home, 'keyring', 'one.json');
    const good = JSON.parse(await readFile(path, 'utf8'));
    const broken: unknown[] = [
      null,
      [],
      { ...good, version: 2 },
      { ...good, name: undefined },
      { ...good, name: 'two' },
      { ...good, public_key: '04'.repeat(33) },
      { ...good, encrypted: { ...good.encrypted, n: 2 ** 30 } },
      { ...good, encrypted: undefined, test_private_key: 'xx' },
      { ...good, encrypted: undefined, test_private_key: '11'.repeat(32) },
    ];
    for (const value of broken) {
      await writeFile(path, JSON.stringify(value), { mode: 0o600 });
      await assert.rejects(keyring.unlock('one', ask(PASSPHRASE)), (error: Error & { code: string }) => {
        assert.ok(error.message.startsWith(path) && !error.message.includes('\n'), error.message);
        return error.code === 'key_file';
      });
    }
    await writeFile(path, '{', { mode: 0o600 });
    await assert.rejects(keyring.show('one'), { code: 'key_file', message: /not a JSON file/ });
  });

  it('does not open a key whose file was given another name', async () => {
    const keyring = new Keyring(home);
    await keyring.add('one', await keyOfMnemonic(newMnemonic()), PASSPHRASE);
    const two = join(home, 'keyring', 'two.json');
    await rename(join(home, 'keyring', 'one.json'), two);
    await writeFile(two, (await readFile(two, 'utf8')).replace('"one"', '"two"'), { mode: 0o600 });
    await assert.rejects(keyring.unlock('two', ask(PASSPHRASE)), { code: 'bad_passphrase' });
  });
});
