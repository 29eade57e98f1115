import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { calculateExistenceRoot, type ics23, verifyExistence } from '@confio/ics23';
import { CommitmentProof } from 'cosmjs-types/cosmos/ics23/v1/proofs';
import { decodeAddress } from '#crypto/address.ts';
import { verifyProof } from '#light/proof-verify.ts';
import type { ProofOp } from '#state/store.ts';
import { concatBytes, fromHex, toHex } from '#util/bytes.ts';
import { skipBecause } from '../support/skip.ts';
import { Devnet } from './support/devnet.ts';
import { ROOT, run } from './support/process.ts';
import { appHashAt, blockHashAt, call, waitForHeight } from './support/rpc.ts';
import { openWallet } from './support/wallet.ts';

/** A small program around Go's library; test/unit/state has it. */
const GO_PROGRAM = fileURLToPath(new URL('../unit/state/go-ics23/', import.meta.url));
/** Download and build of the library, the first time on a machine. */
const GO_BUILD_TIMEOUT_MS = 300_000;
/** Key of a balance in the SDK's bank store: prefix, length of the address, address, denomination. */
const BALANCES_PREFIX = 2;

/** ICS-23's SMT spec, for a library that does not bring it. */
const SMT_SPEC = {
  leafSpec: { hash: 1, prehashKey: 1, prehashValue: 1, length: 0, prefix: Uint8Array.of(0) },
  innerSpec: {
    childOrder: [0, 1],
    childSize: 32,
    minPrefixLength: 1,
    maxPrefixLength: 1,
    emptyChild: new Uint8Array(32),
    hash: 1,
  },
  maxDepth: 256,
};

/** What a node answered, with the app hash of the header that commits to it. */
interface Proven {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly ops: readonly ProofOp[];
  readonly appHash: Uint8Array;
}

interface QueryAnswer {
  readonly response: {
    readonly code: number;
    readonly log: string;
    readonly value: string | null;
    readonly height: string;
    readonly proofOps: {
      readonly ops: readonly { readonly type: string; readonly key: string; readonly data: string }[];
    };
  };
}

describe('what a node says of the state is proven by its headers', () => {
  let net: Devnet;
  let balance: Proven;
  let absence: Proven;

  before(async function () {
    this.timeout(150_000);
    net = await Devnet.start('--validators', '1');
    const { accounts, prefix, denom } = net.ready;
    const alice = await openWallet(net.ready, 0, net.node(0).rpc);
    const recipient = accounts[1]?.address ?? '';
    const sent = await alice.client.sendTokens(alice.address, recipient, [{ denom, amount: '42' }], 'auto');
    alice.client.disconnect();
    assert.equal(sent.code, 0, sent.rawLog);
    balance = await ask(balanceKey(decodeAddress(prefix, recipient), denom));
    absence = await ask(balanceKey(new Uint8Array(20).fill(9), denom));
    assert.equal(Buffer.from(balance.value ?? []).toString(), '1000000000042');
    assert.equal(absence.value, undefined);
  });

  after(async function () {
    this.timeout(60_000);
    await net?.stop();
  });

  it('by our own verifier, and one flipped bit anywhere fails', () => {
    for (const proven of [balance, absence]) {
      assert.ok(holds(proven));
      let count = 0;
      for (const altered of [...alteredClaims(proven), ...alteredProofs(proven), ...alteredSteps(proven)]) {
        assert.ok(!holds(altered));
        count++;
      }
      assert.ok(count > 1_000, `${count} bits were flipped`);
    }
    assert.ok(!holds({ ...balance, value: undefined }), 'a balance is not its absence');
    assert.ok(!holds({ ...absence, value: Uint8Array.of(49) }), 'an absence is not a balance');
    assert.ok(!holds({ ...balance, ops: absence.ops }), 'a proof is of one key');
  });

  it('by `query proof --verify`, down to the validators of the genesis file', async () => {
    const { rpc, home } = net.node(0);
    const keys = [balance, absence].map(({ key }) => toHex(key));
    const { code, stdout, stderr } = await run([
      ...['query', 'proof', 'bank', ...keys, '--verify', '--json'],
      ...['--node', rpc, '--genesis', join(home, 'config', 'genesis.json')],
    ]);
    assert.deepEqual([code, stderr], [0, '']);
    const [first, second] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      [first.value, first.verified, first.trust],
      [toHex(balance.value ?? new Uint8Array(0)), true, 'genesis'],
    );
    assert.deepEqual([second.value, second.height, second.trust], [null, first.height, 'genesis']);
    assert.deepEqual([first.header.height, first.header.signed_power], [first.height + 1, first.header.total_power]);
  });

  it('and their headers by `light`, from the genesis file and from a trusted header, forward and back', async () => {
    const { rpc, home } = net.node(0);
    await waitForHeight(rpc, 5);
    const node = ['--node', rpc, '--witness', rpc, '--json'];
    const light = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(['light', ...node, ...args]);
      assert.deepEqual([code, stderr], [0, '']);
      return JSON.parse(stdout);
    };
    const named = await light('--genesis', join(home, 'config', 'genesis.json'), '--height', '3');
    assert.equal(named.app_hash, await appHashAt(rpc, 3));
    const trusted = ['--trusted-height', '3', '--trusted-hash', named.hash];
    assert.equal((await light(...trusted, '--height', '1')).mode, 'backwards');
    assert.ok((await light(...trusted, '--sequential')).height >= 5);
    const { code, stderr } = await run(['light', ...node, '--trusted-height', '2', '--trusted-hash', named.hash]);
    assert.equal(code, 1);
    assert.match(stderr, /^bizra-node: .* has header 2 \([0-9A-F]{64}\); trusted is [0-9A-F]{64}\n$/);
  });

  it('and by `light --follow` as they come, until a signal', async () => {
    const { rpc, home } = net.node(0);
    const args = ['light', '--follow', '--json', '--node', rpc, '--genesis', join(home, 'config', 'genesis.json')];
    const child = spawn(join(ROOT, 'bin', 'bizra-node'), args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const heights: number[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const { height, hash } = JSON.parse(line);
      assert.equal(hash, await blockHashAt(rpc, height));
      if (heights.push(height) === 3) child.kill('SIGINT');
    }
    assert.deepEqual(await ended, [0, null]);
    assert.deepEqual(
      heights,
      [...new Set(heights)].sort((a, b) => a - b),
      'each height once, in order',
    );
  });

  it('the balance by @confio/ics23, given the spec', () => {
    const [tree, map] = balance.ops.map(({ data }) => CommitmentProof.decode(data).exist as ics23.IExistenceProof);
    assert.ok(tree !== undefined && map !== undefined);
    const root = calculateExistenceRoot(tree);
    const check = (value: Uint8Array): void => verifyExistence(tree, SMT_SPEC, root, balance.key, value);
    check(balance.value ?? new Uint8Array(0));
    assert.throws(() => check(Uint8Array.of(49)));
    assert.deepEqual(new Uint8Array(map.value ?? []), new Uint8Array(root));
    assert.deepEqual(new Uint8Array(calculateExistenceRoot(map)), balance.appHash);
  });

  it("both by Go's ICS-23 library with its SmtSpec, and one flipped bit anywhere fails", async function () {
    this.timeout(GO_BUILD_TIMEOUT_MS);
    if (spawnSync('go', ['version']).status !== 0) skipBecause(this, 'go is not installed');
    const directory = await mkdtemp(join(tmpdir(), 'bizra-ics23-'));
    try {
      const program = await buildGoProgram(directory);
      assert.deepEqual(verdicts(program, [balance, absence]), ['true', 'true']);
      // An absence holds for every key of its gap, and that is how Go reads it; the key within the proof does not count.
      const altered = [...alteredClaims(balance), ...alteredProofs(balance), ...alteredAppHashes(absence)];
      assert.deepEqual(new Set(verdicts(program, altered)), new Set(['false']));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  async function ask(key: Uint8Array): Promise<Proven> {
    const { rpc } = net.node(0);
    const params = { path: '/store/bank/key', data: toHex(key), prove: true };
    const { response } = await call<QueryAnswer>(rpc, 'abci_query', params);
    assert.equal(response.code, 0, response.log);
    const ops = response.proofOps.ops.map((op) => ({
      type: op.type as ProofOp['type'],
      key: new Uint8Array(Buffer.from(op.key, 'base64')),
      data: new Uint8Array(Buffer.from(op.data, 'base64')),
    }));
    assert.deepEqual(
      ops.map(({ type }) => type),
      ['ics23:smt', 'ics23:simple'],
    );
    const header = Number(response.height) + 1;
    await waitForHeight(rpc, header);
    const value = response.value === null ? undefined : new Uint8Array(Buffer.from(response.value, 'base64'));
    return { key, value, ops, appHash: fromHex(await appHashAt(rpc, header)) };
  }
});

function balanceKey(address: Uint8Array, denom: string): Uint8Array {
  return concatBytes(Uint8Array.of(BALANCES_PREFIX, address.length), address, new TextEncoder().encode(denom));
}

function holds({ key, value, ops, appHash }: Proven): boolean {
  try {
    verifyProof(ops, appHash, { store: 'bank', key, value });
    return true;
  } catch {
    return false;
  }
}

function* flips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    yield bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
  }
}

function* alteredAppHashes(proven: Proven): Generator<Proven> {
  for (const appHash of flips(proven.appHash)) yield { ...proven, appHash };
}

function* alteredClaims(proven: Proven): Generator<Proven> {
  for (const key of flips(proven.key)) yield { ...proven, key };
  for (const value of flips(proven.value ?? new Uint8Array(0))) yield { ...proven, value };
  yield* alteredAppHashes(proven);
}

function* alteredProofs(proven: Proven): Generator<Proven> {
  for (const [step, op] of proven.ops.entries()) {
    for (const data of flips(op.data)) yield { ...proven, ops: proven.ops.with(step, { ...op, data }) };
  }
}

/** The key that a step says it is about: part of the answer, though not of ICS-23's proof. */
function* alteredSteps(proven: Proven): Generator<Proven> {
  for (const [step, op] of proven.ops.entries()) {
    for (const key of flips(op.key)) yield { ...proven, ops: proven.ops.with(step, { ...op, key }) };
  }
}

async function buildGoProgram(directory: string): Promise<string> {
  const execute = promisify(execFile);
  await cp(GO_PROGRAM, directory, { recursive: true });
  const options = { cwd: directory, timeout: GO_BUILD_TIMEOUT_MS };
  await execute('go', ['mod', 'tidy'], options);
  await execute('go', ['build', '-o', 'check', '.'], options);
  return join(directory, 'check');
}

/** The program's `true` or `false` for each. */
function verdicts(program: string, given: readonly Proven[]): string[] {
  const base64 = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64');
  const lines = given.map(({ key, value, ops, appHash }) =>
    JSON.stringify({
      appHash: base64(appHash),
      store: 'bank',
      key: base64(key),
      value: base64(value),
      storeProof: base64(ops[0]?.data),
      mapProof: base64(ops[1]?.data),
    }),
  );
  const { stdout, status } = spawnSync(program, {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  assert.equal(status, 0);
  return stdout.trim().split('\n');
}
