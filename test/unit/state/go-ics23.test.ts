import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ProofOp } from '#state/store.ts';
import { skipBecause } from '../../support/skip.ts';
import { ModelledState, type Write } from './support.ts';

const run = promisify(execFile);
const SOURCE = new URL('go-ics23/', import.meta.url).pathname;
/** Download and build of the reference library, the first time on a machine. */
const BUILD_TIMEOUT_MS = 300_000;

interface Claim {
  readonly appHash: Uint8Array;
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly ops: readonly ProofOp[];
}

function line({ appHash, key, value, ops }: Claim): string {
  const base64 = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64');
  return JSON.stringify({
    appHash: base64(appHash),
    store: 'bank',
    key: base64(key),
    value: base64(value),
    storeProof: base64(ops[0]?.data),
    mapProof: base64(ops[1]?.data),
  });
}

async function claims(): Promise<Claim[]> {
  const all: Claim[] = [];
  for (const count of [0, 1, 2, 5, 100]) {
    const writes = Array.from(
      { length: count },
      (_, i): Write => ['bank', Uint8Array.of(2, 2 * i), Uint8Array.of(i + 1)],
    );
    const { state } = await ModelledState.start(writes);
    for (let i = 0; i < 2 * count + 3; i++) {
      const key = Uint8Array.of(2, i);
      const { value, ops } = await state.prove('bank', key);
      all.push({ appHash: state.appHash, key, value, ops });
    }
  }
  return all;
}

describe('proofs under the Go ICS-23 library', () => {
  let directory: string;

  before(async function () {
    this.timeout(BUILD_TIMEOUT_MS);
    if (spawnSync('go', ['version']).status !== 0) skipBecause(this, 'go is not installed');
    directory = await mkdtemp(join(tmpdir(), 'bizra-ics23-'));
    await cp(SOURCE, directory, { recursive: true });
    const options = { cwd: directory, timeout: BUILD_TIMEOUT_MS };
    await run('go', ['mod', 'tidy'], options);
    await run('go', ['build', '-o', 'check', '.'], options);
  });

  after(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  function verdicts(given: readonly Claim[]): string[] {
    const input = `${given.map(line).join('\n')}\n`;
    const { stdout, status } = spawnSync(join(directory, 'check'), { input, encoding: 'utf8', maxBuffer: 1 << 26 });
    assert.equal(status, 0);
    return stdout.trim().split('\n');
  }

  it('all hold', async () => {
    const given = await claims();
    assert.ok(given.some(({ value }) => value !== undefined) && given.some(({ value }) => value === undefined));
    assert.deepEqual(
      verdicts(given),
      given.map(() => 'true'),
    );
  });

  it('none holds with another value, another key or another app hash', async () => {
    const given = await claims();
    const flip = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    const altered = given.flatMap((claim) => [
      { ...claim, value: claim.value === undefined ? Uint8Array.of(1) : flip(claim.value) },
      // Another absent key in the same gap is rightly shown absent by the same proof.
      ...(claim.value === undefined ? [] : [{ ...claim, key: flip(claim.key) }]),
      { ...claim, appHash: flip(claim.appHash) },
    ]);
    assert.deepEqual(
      verdicts(altered),
      altered.map(() => 'false'),
    );
  });
});
