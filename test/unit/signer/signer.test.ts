import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateEd25519, verifyEd25519 } from '#crypto/ed25519.ts';
import { formatKeyFile } from '#signer/key-file.ts';
import { NO_LOCK } from '#signer/key-lock.ts';
import { formatLastSigned, NOTHING_SIGNED, quietUntil, readLastSigned, SIGNER_STEP } from '#signer/last-signed.ts';
import { createSignerFiles, FileSigner } from '#signer/signer.ts';
import { MemoryFiles } from '#storage/memory-files.ts';
import { NodeFiles } from '#storage/node-files.ts';
import type { BlockId } from '#types/block-id.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { proposalSignBytes, type UnsignedProposal } from '#types/proposal.ts';
import { PRECOMMIT, PREVOTE, type UnsignedVote, type VoteType, voteSignBytes } from '#types/vote.ts';
import { skipBecause } from '../../support/skip.ts';

const CHAIN = 'test-chain';
const KEY = generateEd25519(new Uint8Array(32).fill(7));
const KEY_PATH = '/home/config/priv_validator_key.json';
const STATE_PATH = '/home/data/priv_validator_state.json';

const blockId = (byte: number): BlockId => ({
  hash: new Uint8Array(32).fill(byte),
  partSetHeader: { total: 1, hash: new Uint8Array(32).fill(byte) },
});

function vote(type: VoteType, height: number, round: number, block: number, time = 1n): UnsignedVote {
  return {
    type,
    height,
    round,
    blockId: block === 0 ? NIL_BLOCK_ID : blockId(block),
    timestamp: 1_700_000_000_000_000_000n + time,
    validatorAddress: new Uint8Array(20),
    validatorIndex: 0,
  };
}

function proposal(height: number, round: number, block: number, time = 1n): UnsignedProposal {
  return { height, round, polRound: -1, blockId: blockId(block), timestamp: 1_700_000_000_000_000_000n + time };
}

async function newHome(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  await createSignerFiles(files, KEY_PATH, STATE_PATH, KEY);
  return files;
}

const open = (files: MemoryFiles, recordOptional = false) =>
  FileSigner.open(files, KEY_PATH, STATE_PATH, { lock: NO_LOCK, recordOptional });

describe('FileSigner', () => {
  it('signs proposals and votes that verify', async () => {
    const signer = await open(await newHome());
    const proposed = await signer.signProposal(CHAIN, proposal(1, 0, 1));
    assert.ok(verifyEd25519(KEY.publicKey, proposalSignBytes(CHAIN, proposed), proposed.signature));
    for (const type of [PREVOTE, PRECOMMIT] as const) {
      const voted = await signer.signVote(CHAIN, vote(type, 1, 0, 1));
      assert.ok(verifyEd25519(KEY.publicKey, voteSignBytes(CHAIN, voted), voted.signature));
    }
    assert.deepEqual(signer.lastSigned, { height: 1, round: 0, step: SIGNER_STEP.precommit });
  });

  it('gives the same signature for the same bytes, and the old timestamp with it', async () => {
    const files = await newHome();
    const first = await (await open(files)).signVote(CHAIN, vote(PREVOTE, 3, 1, 1, 5n));
    const signer = await open(files.crash());
    assert.deepEqual(await signer.signVote(CHAIN, vote(PREVOTE, 3, 1, 1, 5n)), first);
    assert.deepEqual(await signer.signVote(CHAIN, vote(PREVOTE, 3, 1, 1, 99n)), first);
    const proposed = await signer.signProposal(CHAIN, proposal(4, 0, 1, 5n));
    assert.deepEqual(await signer.signProposal(CHAIN, proposal(4, 0, 1, 77n)), proposed);
  });

  it('refuses another value at the same step, and anything before it', async () => {
    const signer = await open(await newHome());
    await signer.signVote(CHAIN, vote(PRECOMMIT, 5, 2, 1));
    const refused = [
      vote(PRECOMMIT, 5, 2, 2),
      vote(PRECOMMIT, 5, 2, 0),
      vote(PREVOTE, 5, 2, 1),
      vote(PRECOMMIT, 5, 1, 1),
      vote(PRECOMMIT, 4, 9, 1),
    ];
    for (const one of refused) await assert.rejects(signer.signVote(CHAIN, one), { code: 'double_sign' });
    await assert.rejects(signer.signProposal(CHAIN, proposal(5, 2, 1)), { code: 'double_sign' });
    await assert.rejects(signer.signVote('other', vote(PRECOMMIT, 5, 2, 1)), { code: 'double_sign' });
    await signer.signVote(CHAIN, vote(PREVOTE, 5, 3, 2));
  });

  it('R15: signs nothing more after its record could not be written', async () => {
    let broken = false;
    const files = (await newHome()).crash({
      beforeStep: (step) => {
        if (broken && step === 'sync') throw new Error('EIO');
      },
    });
    const signer = await open(files);
    broken = true;
    await assert.rejects(signer.signVote(CHAIN, vote(PREVOTE, 1, 0, 1)), /EIO/);
    broken = false;
    await assert.rejects(signer.signVote(CHAIN, vote(PREVOTE, 1, 0, 1)), { code: 'signer_failed' });
    await assert.rejects(signer.signVote(CHAIN, vote(PREVOTE, 2, 0, 1)), { code: 'signer_failed' });
  });

  it('has its record on the disk before the signature leaves', async () => {
    const files = await newHome();
    const voted = await (await open(files)).signVote(CHAIN, vote(PREVOTE, 9, 4, 1));
    const record = await readLastSigned(files.crash(), STATE_PATH);
    assert.deepEqual(record, {
      height: 9,
      round: 4,
      step: SIGNER_STEP.prevote,
      signBytes: voteSignBytes(CHAIN, voted),
      signature: voted.signature,
    });
  });
});

describe('a key in two hands', () => {
  it('R17: knows its own signatures from those of another process', async () => {
    const files = await newHome();
    const signer = await open(files);
    const mine = await signer.signVote(CHAIN, vote(PREVOTE, 3, 0, 1));
    const next = await signer.signVote(CHAIN, vote(PRECOMMIT, 3, 0, 1));
    const other = new Uint8Array(64).fill(1);
    const prevote = { height: 3, round: 0, step: SIGNER_STEP.prevote };
    const precommit = { ...prevote, step: SIGNER_STEP.precommit };
    assert.ok(signer.mayHaveMade(prevote, mine.signature));
    assert.ok(signer.mayHaveMade(precommit, next.signature));
    assert.ok(!signer.mayHaveMade(prevote, other));
    assert.ok(!signer.mayHaveMade(precommit, other));
    for (const later of [
      { ...precommit, height: 4 },
      { ...prevote, round: 1 },
    ])
      assert.ok(!signer.mayHaveMade(later, mine.signature));
    // After a restart the last is known, and of what came before it nothing.
    const again = await open(files);
    assert.ok(again.mayHaveMade(prevote, other));
    assert.ok(!again.mayHaveMade(precommit, other));
  });

  it('signs nothing more once it was muted, and does not fail', async () => {
    const signer = await open(await newHome());
    await signer.signVote(CHAIN, vote(PREVOTE, 3, 0, 1));
    signer.mute('a reason');
    assert.equal(signer.mutedHeight, Number.MAX_SAFE_INTEGER);
    const refused = { code: 'double_sign', message: /a reason/ };
    await assert.rejects(signer.signVote(CHAIN, vote(PREVOTE, 4, 0, 1)), refused);
    await assert.rejects(signer.signVote(CHAIN, vote(PREVOTE, 3, 0, 1)), refused);
    await assert.rejects(signer.signProposal(CHAIN, proposal(9, 0, 1)), refused);
  });
});

describe('signing record', () => {
  it('R16: its loss stops the signer; opened all the same, it signs nothing before the record is made anew', async () => {
    const files = await newHome();
    await files.remove(STATE_PATH);
    await assert.rejects(open(files), {
      code: 'bad_state_file',
      message: /priv_validator_state.json is missing.*--recover-signing-record/,
    });
    const signer = await open(files, true);
    assert.ok(signer.recordMissing);
    assert.equal(signer.mutedHeight, Number.MAX_SAFE_INTEGER);
    await assert.rejects(signer.signVote(CHAIN, vote(PREVOTE, 900, 0, 1)), { code: 'double_sign' });
    assert.equal(await files.read(STATE_PATH), undefined);
    await signer.raise(quietUntil(899));
    assert.deepEqual([signer.recordMissing, signer.isQuiet, signer.mutedHeight], [false, true, 899]);
    await assert.rejects(signer.signVote(CHAIN, vote(PRECOMMIT, 899, 7, 1)), { code: 'double_sign' });
    await signer.signVote(CHAIN, vote(PREVOTE, 900, 0, 1));
    assert.deepEqual([signer.isQuiet, signer.mutedHeight], [false, 0]);
  });

  it('is raised durably, and never lowered', async () => {
    const files = await newHome();
    const signer = await open(files);
    await signer.signVote(CHAIN, vote(PREVOTE, 5, 0, 1));
    for (const place of [{ height: 5, round: 0, step: SIGNER_STEP.proposal }, quietUntil(4), NOTHING_SIGNED]) {
      await signer.raise(place);
      assert.deepEqual(signer.lastSigned, { height: 5, round: 0, step: SIGNER_STEP.prevote });
    }
    await signer.raise({ height: 5, round: 3, step: SIGNER_STEP.prevote });
    for (const at of [signer, await open(files.crash())]) {
      // Of a place without a signature nobody knows what was signed there.
      await assert.rejects(at.signVote(CHAIN, vote(PREVOTE, 5, 3, 1)), {
        code: 'double_sign',
        message: /is not known/,
      });
      assert.deepEqual(at.lastSigned, { height: 5, round: 3, step: SIGNER_STEP.prevote });
    }
    await signer.signVote(CHAIN, vote(PRECOMMIT, 5, 3, 1));
  });

  it('can be written by hand with a height, round and step alone', async () => {
    const files = await newHome();
    await files.replace(STATE_PATH, new TextEncoder().encode('{"height": "40", "round": 1, "step": 3}'));
    const signer = await open(files);
    await assert.rejects(signer.signVote(CHAIN, vote(PRECOMMIT, 40, 1, 1)), { code: 'double_sign' });
    await signer.signVote(CHAIN, vote(PREVOTE, 40, 2, 1));
  });

  it('is refused with any bit flipped, in one line that names the file', async () => {
    const files = await newHome();
    await (await open(files)).signVote(CHAIN, vote(PREVOTE, 1234, 5, 1));
    const good = (await files.read(STATE_PATH)) as Uint8Array;
    const whole = await readLastSigned(files, STATE_PATH);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const copy = files.crash();
      copy.corrupt(STATE_PATH, (bytes) => {
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        return bytes;
      });
      try {
        // A changed space between fields changes nothing that was signed.
        assert.deepEqual(await readLastSigned(copy, STATE_PATH), whole);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'bad_state_file');
        assert.match((error as Error).message, /^[^\n]*priv_validator_state.json[^\n]*$/);
      }
    }
    for (const length of [0, 1, good.length >> 1, good.length - 2]) {
      const copy = files.crash();
      copy.corrupt(STATE_PATH, (bytes) => bytes.slice(0, length));
      await assert.rejects(open(copy), { code: 'bad_state_file' });
    }
  });

  it("reads CometBFT's file, which has no checksum", async () => {
    const files = new MemoryFiles();
    const text = '{\n  "height": "17",\n  "round": 2,\n  "step": 3,\n  "signature": "AQI=",\n  "signbytes": "0A0B"\n}';
    await files.replace(STATE_PATH, new TextEncoder().encode(text));
    assert.deepEqual(await readLastSigned(files, STATE_PATH), {
      height: 17,
      round: 2,
      step: 3,
      signature: Uint8Array.of(1, 2),
      signBytes: Uint8Array.of(10, 11),
    });
    assert.match(formatLastSigned(NOTHING_SIGNED), /"height": "0",\n {2}"round": 0,\n {2}"step": 0,\n {2}"crc32c"/);
  });
});

describe('key file', () => {
  const bad = (change: (json: Record<string, unknown>) => void) => {
    const json = JSON.parse(formatKeyFile(KEY)) as Record<string, unknown>;
    change(json);
    return JSON.stringify(json);
  };
  const typed = (value: string, type = 'tendermint/PrivKeyEd25519') => ({ type, value });

  it('is refused with the field that is wrong, and no key bytes in the message', async () => {
    const other = generateEd25519(new Uint8Array(32).fill(8));
    const secret = Buffer.from(KEY.privateKey).toString('base64');
    const cases: [string, RegExp][] = [
      ['', /is not a JSON object/],
      [`${formatKeyFile(KEY)}x`, /is not a JSON object/],
      ['[]', /is not a JSON object/],
      [bad((json) => delete json.priv_key), /priv_key is missing/],
      [bad((json) => (json.priv_key = typed(secret, 'secp256k1'))), /priv_key.type/],
      [bad((json) => (json.priv_key = typed('!!'))), /priv_key.value is not base64/],
      [bad((json) => (json.priv_key = typed('AQI='))), /priv_key has 2 bytes/],
      [bad((json) => (json.pub_key = typed('AQI=', 'tendermint/PubKeyEd25519'))), /pub_key is not the public key/],
      [bad((json) => (json.address = '00')), /address is not the key's address/],
      [
        bad((json) => {
          const mixed = Uint8Array.from([...KEY.privateKey.slice(0, 32), ...other.publicKey]);
          json.priv_key = typed(Buffer.from(mixed).toString('base64'));
        }),
        /priv_key has a seed and a public key that differ/,
      ],
    ];
    for (const [text, message] of cases) {
      const files = await newHome();
      await files.replace(KEY_PATH, new TextEncoder().encode(text));
      await assert.rejects(open(files), (error: Error & { code: string }) => {
        assert.equal(error.code, 'bad_key_file');
        assert.match(error.message, message);
        assert.match(error.message, /^[^\n]*priv_validator_key.json[^\n]*$/);
        assert.ok(!error.message.includes(secret.slice(4, 20)));
        return true;
      });
    }
    await assert.rejects(open(new MemoryFiles()), { code: 'bad_key_file', message: /does not exist/ });
  });

  describe('on a real disk', () => {
    let home: string;
    const files = new NodeFiles();
    const openAt = (key: string) => FileSigner.open(files, join(home, key), join(home, 'state.json'));

    beforeEach(async () => {
      home = await mkdtemp(join(tmpdir(), 'bizra-signer-'));
      // A key of its own: another run of these tests on this machine would have the lock of a known one.
      await createSignerFiles(files, join(home, 'key.json'), join(home, 'state.json'), generateEd25519());
    });

    afterEach(async () => {
      await rm(home, { recursive: true });
    });

    it('key-secrecy: is refused when others can read it', async () => {
      for (const mode of [0o640, 0o604, 0o644, 0o660]) {
        await chmod(join(home, 'key.json'), mode);
        await assert.rejects(openAt('key.json'), { code: 'bad_key_file', message: /chmod 600/ });
      }
      await chmod(join(home, 'key.json'), 0o400);
      await (await openAt('key.json')).close();
    });

    it('R17: serves one signer at a time', async () => {
      const first = await openAt('key.json');
      await assert.rejects(openAt('key.json'), { code: 'key_in_use', message: /another process signs/ });
      await first.signVote(CHAIN, vote(PREVOTE, 1, 0, 1));
      await first.close();
      await assert.rejects(first.signVote(CHAIN, vote(PREVOTE, 2, 0, 1)), { code: 'signer_failed' });
      const second = await openAt('key.json');
      assert.equal(second.lastSigned.height, 1);
      await second.close();
    });

    it('R17: serves one process at a time, and the next once that was killed', async () => {
      const script = `
        const { NodeFiles } = await import('#storage/node-files.ts');
        const { FileSigner } = await import('#signer/signer.ts');
        const [key, state] = process.argv.slice(1);
        await FileSigner.open(new NodeFiles(), key, state);
        console.log('open');
        setInterval(() => {}, 1_000);`;
      const paths = [join(home, 'key.json'), join(home, 'state.json')];
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script, ...paths], {
        cwd: fileURLToPath(new URL('../../../', import.meta.url)),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        await once(child.stdout, 'data');
        await assert.rejects(openAt('key.json'), { code: 'key_in_use' });
      } finally {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await (await openAt('key.json')).close();
    });

    it('R17: a copy of the home cannot sign beside it', async function () {
      if (process.platform !== 'linux') skipBecause(this, 'only Linux has names without files');
      await cp(join(home, 'key.json'), join(home, 'copy.json'));
      const first = await openAt('key.json');
      await assert.rejects(openAt('copy.json'), {
        code: 'key_in_use',
        message: /copy.json, from another home: stop it first/,
      });
      await first.close();
      await (await openAt('copy.json')).close();
    });
  });
});
