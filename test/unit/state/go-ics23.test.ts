import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ProofOp } from '#state/store.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { skipBecause } from '../../support/skip.ts';
import { type Altered, alteredProofs, type Proven } from './altered-proofs.ts';
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

function keyOf(index: number): Uint8Array {
  return Uint8Array.of(2, index >> 8, index & 0xff);
}

async function claims(): Promise<Claim[]> {
  const all: Claim[] = [];
  for (const count of [0, 1, 2, 5, 100, 450]) {
    const writes = Array.from(
      { length: count },
      (_, i): Write => ['bank', keyOf(2 * i), Uint8Array.of(1 + (i & 0x7f), i & 0xff)],
    );
    const { state } = await ModelledState.start(writes);
    for (let i = 0; i < 2 * count + 3; i++) {
      const key = keyOf(i);
      const { value, ops } = await state.prove('bank', key);
      all.push({ appHash: state.appHash, key, value, ops });
    }
  }
  return all;
}

/**
 * The library sees the two proofs and no steps around them, reads past what it does not know, and takes an absence for
 * every key of its gap, whichever key it names: there, ours is stricter.
 */
function isSeenByGo({ how, claim }: Altered): boolean {
  if (/step$|step twice|steps swapped$|'s key$|'s proof cut off|a byte after|bit of the (tree|map)'s proof/.test(how)) {
    return false;
  }
  return claim.value !== undefined || !/^bit of the key|^a longer key|another key's/.test(how);
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
    const existing = given.filter(({ value }) => value !== undefined).length;
    assert.ok(
      given.length >= 1_000 && existing > 500 && given.length - existing > 500,
      `${existing} of ${given.length}`,
    );
    assert.deepEqual(new Set(verdicts(given)), new Set(['true']));
    assert.equal(verdicts(given).length, given.length);
  });

  it('none holds that was altered in any way in which ours does not', async () => {
    const given = await claims();
    const random = seededRandom(23);
    const lies: Altered[] = [];
    for (let index = 0; index < given.length; index += 17) {
      const { appHash, key, value, ops } = given[index] as Claim;
      const others = [1, 2, 40].map((step): Proven => {
        const other = given[(index + step) % given.length] as Claim;
        return { claim: { store: 'bank', key: other.key, value: other.value }, ops: other.ops, appHash };
      });
      const proven = { claim: { store: 'bank', key, value }, ops, appHash };
      const material = { others, appHashes: [(given[0] as Claim).appHash], stores: [] };
      lies.push(...[...alteredProofs(proven, material, random)].filter(isSeenByGo));
    }
    assert.ok(lies.length > 3_000, `${lies.length} lies`);
    const held = verdicts(lies.map(({ claim, ops, appHash }) => ({ ...claim, ops, appHash })));
    assert.deepEqual(new Set(lies.filter((_, index) => held[index] !== 'false').map(({ how }) => how)), new Set());
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
