import assert from 'node:assert/strict';
import { validatorAddress } from '#crypto/address.ts';
import { type Ed25519KeyPair, generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { KeyGuard, type KeyPast } from '#engine/key-guard.ts';
import { LOOK_BACK_HEIGHTS, lastSignedOnChain, QUIET_HEIGHTS } from '#engine/look-back.ts';
import { encodeWalRecord } from '#engine/wal-record.ts';
import { NO_LOCK } from '#signer/key-lock.ts';
import { NOTHING_SIGNED, SIGNER_STEP, writeLastSigned } from '#signer/last-signed.ts';
import { createSignerFiles, FileSigner } from '#signer/signer.ts';
import { MemoryFiles } from '#storage/memory-files.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { MetricsRegistry } from '#telemetry/metrics.ts';
import { createNodeMetrics } from '#telemetry/node-metrics.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { ABSENT_COMMIT_SIG, type Commit, FLAG_COMMIT, FLAG_NIL } from '#types/commit.ts';
import { proposalSignBytes, type UnsignedProposal } from '#types/proposal.ts';
import { PRECOMMIT, PREVOTE, type UnsignedVote, type Vote, type VoteType, voteSignBytes } from '#types/vote.ts';
import { NodeBench } from './bench.ts';

const CHAIN = 'test-chain';
const KEY = generateEd25519(new Uint8Array(32).fill(7));
const OTHER = generateEd25519(new Uint8Array(32).fill(8));
const KEY_ADDRESS = validatorAddress({ type: 'ed25519', bytes: KEY.publicKey });
const HASH = new Uint8Array(32).fill(1);
const BLOCK_ID = { hash: HASH, partSetHeader: { total: 1, hash: HASH } };
const HEAD = 100;
const RECORD_PARTS = { encodedBlock: () => new Uint8Array(0), parent: () => new Uint8Array(0) };

/** A guard over a signer on files in memory. */
class Rig {
  readonly said: string[] = [];
  readonly fatal: unknown[] = [];
  readonly registry = new MetricsRegistry({ namespace: 'test' });
  readonly metrics = createNodeMetrics(this.registry);
  readonly files: MemoryFiles;
  readonly signer: FileSigner;
  readonly guard: KeyGuard;

  private constructor(files: MemoryFiles, signer: FileSigner) {
    this.files = files;
    this.signer = signer;
    const sink = (line: string): void => void this.said.push(line);
    const logger = createLogger(
      { sink, timestamp: () => '' },
      { format: 'text', levels: parseLogLevels('info') },
      'test',
    );
    this.guard = new KeyGuard({
      signer,
      verifier: new InlineVerifier(),
      chainId: CHAIN,
      logger,
      metrics: this.metrics,
      onFatal: (error) => void this.fatal.push(error),
    });
  }

  static async create(record: 'missing' | Parameters<typeof writeLastSigned>[2]): Promise<Rig> {
    const files = new MemoryFiles();
    await createSignerFiles(files, 'key', 'state', KEY);
    if (record === 'missing') await files.remove('state');
    else await writeLastSigned(files, 'state', record);
    return Rig.reopen(files);
  }

  static async reopen(files: MemoryFiles): Promise<Rig> {
    return new Rig(files, await FileSigner.open(files, 'key', 'state', { lock: NO_LOCK, recordOptional: true }));
  }

  get foreignSignatures(): number {
    const text = this.registry.render();
    return Number(/^test_consensus_foreign_signatures_total (\d+)$/m.exec(text)?.[1]);
  }

  lookBack(past: Partial<KeyPast> = {}, recoverRecord?: boolean): Promise<void> {
    const whole = { head: HEAD, isValidator: true, commitAt: commitWithout, records: [], ...past };
    return this.guard.lookBack(whole, { recoverRecord });
  }

  async signs(height: number): Promise<boolean> {
    if (height <= this.guard.mutedHeight) return false;
    const vote = unsigned(this.signer.address, PREVOTE, height);
    return this.signer.signVote(CHAIN, vote).then(
      () => true,
      () => false,
    );
  }
}

function unsigned(validatorAddress: Uint8Array, type: VoteType, height: number, round = 0, time = 1n): UnsignedVote {
  return { type, height, round, blockId: BLOCK_ID, timestamp: time, validatorAddress, validatorIndex: 0 };
}

function signed(key: Ed25519KeyPair, vote: UnsignedVote): Vote {
  return { ...vote, signature: signEd25519(key.privateKey, voteSignBytes(CHAIN, vote)) };
}

function commitWithout(height: number): Commit {
  return { height, round: 0, blockId: BLOCK_ID, signatures: [ABSENT_COMMIT_SIG] };
}

function commitWith(
  height: number,
  address: Uint8Array,
  flag: typeof FLAG_COMMIT | typeof FLAG_NIL = FLAG_COMMIT,
): Commit {
  const entry = { flag, validatorAddress: address, timestamp: 1n, signature: new Uint8Array(64).fill(height) };
  return { height, round: 2, blockId: BLOCK_ID, signatures: [ABSENT_COMMIT_SIG, entry] };
}

const signedTo = (height: number, round = 0, step: 1 | 2 | 3 = SIGNER_STEP.precommit) => ({
  ...NOTHING_SIGNED,
  height,
  round,
  step,
});

describe('double-sign-lookback', () => {
  const address = new Uint8Array(20).fill(5);
  const findAt = (signedHeight: number, count: number, head = HEAD) =>
    lastSignedOnChain(
      (height) => (height === signedHeight ? commitWith(height, address) : commitWithout(height)),
      address,
      {
        head,
        after: 0,
        count,
      },
    )?.height;

  it('covers exactly the N decided heights', () => {
    assert.equal(findAt(HEAD, 0), undefined);
    assert.equal(findAt(HEAD, 1), HEAD);
    for (const count of [1, 2, QUIET_HEIGHTS, HEAD - 1]) {
      assert.equal(findAt(HEAD - count + 1, count), HEAD - count + 1, `the last of ${count}`);
      assert.equal(findAt(HEAD - count, count), undefined, `one more than ${count}`);
    }
    for (const count of [HEAD, HEAD + 1, LOOK_BACK_HEIGHTS]) assert.equal(findAt(1, count), 1);
  });

  it('finds precommits for nil as well, and the newest signature first', () => {
    const commitAt = (height: number) => commitWith(height, address, height === 7 ? FLAG_NIL : FLAG_COMMIT);
    const range = { head: 7, after: 0, count: 10 };
    assert.deepEqual(lastSignedOnChain(commitAt, address, range), { height: 7, round: 2, step: SIGNER_STEP.precommit });
    assert.equal(lastSignedOnChain(commitAt, new Uint8Array(20), range), undefined);
  });

  it('reads no height that the record covers, and none before the first', () => {
    const read: number[] = [];
    const commitAt = (height: number) => {
      read.push(height);
      return height >= 4 ? commitWithout(height) : undefined;
    };
    lastSignedOnChain(commitAt, address, { head: 9, after: 7, count: 10 });
    assert.deepEqual(read.splice(0), [9, 8]);
    lastSignedOnChain(commitAt, address, { head: 5, after: 0, count: 10 });
    assert.deepEqual(read, [5, 4, 3]);
  });
});

describe('R16: a key without its record', () => {
  it('refuses while the key is in the validator set, in a line that names the file and the way on', async () => {
    const rig = await Rig.create('missing');
    await assert.rejects(rig.lookBack(), {
      code: 'bad_state_file',
      message: /signing record state is missing.*--recover-signing-record/,
    });
    assert.ok(!(await rig.signs(HEAD + QUIET_HEIGHTS + 1)));
  });

  it('keeps quiet for N heights beyond the head when told to go on, exactly', async () => {
    for (const isValidator of [true, false]) {
      const rig = await Rig.create('missing');
      // Who is no validator needs no telling, and keeps quiet all the same: its own head may be old.
      await rig.lookBack({ isValidator }, isValidator || undefined);
      assert.ok(!(await rig.signs(HEAD + 1)));
      assert.ok(!(await rig.signs(HEAD + QUIET_HEIGHTS - 1)));
      assert.ok(!(await rig.signs(HEAD + QUIET_HEIGHTS)));
      assert.ok(await rig.signs(HEAD + QUIET_HEIGHTS + 1));
      assert.match(rig.said.join(), /signs nothing up to this height/);
    }
  });

  it('remembers to keep quiet over restarts, and begins anew from the head of then', async () => {
    const rig = await Rig.create('missing');
    await rig.lookBack({}, true);
    for (let head = HEAD; head < HEAD + 20; head += 5) {
      const again = await Rig.reopen(rig.files.crash());
      assert.equal(again.signer.mutedHeight, HEAD + QUIET_HEIGHTS);
      await again.lookBack({ head });
      assert.equal(again.guard.mutedHeight, head + QUIET_HEIGHTS);
    }
  });

  it('needs to be told once: what it signed long ago comes up in blocks that it catches up on, and it starts again', async () => {
    const rig = await Rig.create('missing');
    const { address } = rig.signer;
    await rig.lookBack({ head: HEAD - 50 }, true);
    const again = await Rig.reopen(rig.files.crash());
    await again.lookBack({ commitAt: (height) => commitWith(height, address) });
    assert.equal(again.guard.mutedHeight, HEAD + QUIET_HEIGHTS);
  });

  it('keeps quiet beyond its newest signature on chain and in the log', async () => {
    const { address } = (await Rig.create('missing')).signer;
    const onChain = (signedHeight: number) => (height: number) =>
      height === signedHeight ? commitWith(height, address) : commitWithout(height);
    const ahead = signed(KEY, unsigned(address, PREVOTE, HEAD + 4));
    const started = { kind: 'newHeight', now: 1n, context: { height: HEAD + 1 } };
    const log = [started, { kind: 'vote', now: 1n, vote: ahead }].map(
      (input) => encodeWalRecord(input as never, RECORD_PARTS) as Uint8Array,
    );
    for (const [past, until] of [
      [{ commitAt: onChain(HEAD) }, HEAD],
      [{ commitAt: onChain(HEAD - 50) }, HEAD],
      [{ records: log }, HEAD + 4],
    ] as const) {
      const rig = await Rig.create('missing');
      await rig.lookBack(past, true);
      assert.equal(rig.guard.mutedHeight, until + QUIET_HEIGHTS);
    }
  });

  it('heights that are only caught up on are no quiet time', async () => {
    const rig = await Rig.create('missing');
    await rig.lookBack({ head: 0 }, true);
    for (let height = 1; height <= 50; height++)
      rig.guard.applied([commitWith(height, rig.signer.address)], height + 2);
    assert.equal(rig.guard.mutedHeight, 52 + QUIET_HEIGHTS);
    assert.equal(rig.foreignSignatures, 0, 'they are its own past');
    for (let height = 51; height <= 52 + QUIET_HEIGHTS; height++) {
      assert.ok(!(await rig.signs(height)));
      rig.guard.applied([commitWithout(height)], undefined);
    }
    assert.ok(await rig.signs(53 + QUIET_HEIGHTS));
  });

  it('R17: another process that goes on signing keeps it quiet for ever', async () => {
    const rig = await Rig.create('missing');
    await rig.lookBack({}, true);
    for (let height = HEAD + 1; height < HEAD + 5 * QUIET_HEIGHTS; height++) {
      rig.guard.applied([commitWith(height, rig.signer.address)], undefined);
      assert.ok(!(await rig.signs(height + 1)));
      assert.ok(!(await rig.signs(height + QUIET_HEIGHTS)));
    }
    assert.match(rig.said.at(-1) ?? '', /another process signs with this key/);
    const vote = signed(KEY, unsigned(rig.signer.address, PREVOTE, HEAD + 60));
    assert.equal(rig.guard.vote(vote), 'ok');
    assert.equal(rig.guard.mutedHeight, HEAD + 60 + QUIET_HEIGHTS);
    assert.ok(rig.foreignSignatures > QUIET_HEIGHTS);
    assert.deepEqual(rig.fatal, []);
  });
});

describe('a record that is older than what the key signed', () => {
  it('refuses to start on what the chain shows, unless told to go on', async () => {
    const { address } = (await Rig.create('missing')).signer;
    const commitAt = (height: number) => (height === HEAD - 3 ? commitWith(height, address) : commitWithout(height));
    for (const record of [signedTo(HEAD - 4, 9), signedTo(HEAD - 3, 1), signedTo(HEAD - 3, 2, 2), NOTHING_SIGNED]) {
      const rig = await Rig.create(record);
      await assert.rejects(rig.lookBack({ commitAt }), {
        code: 'bad_state_file',
        message: /state ends at height\/round\/step \d+\/\d\/\d, but this key has signed 97\/2\/3: it is an old copy/,
      });
      await rig.lookBack({ commitAt }, true);
      assert.equal(rig.guard.mutedHeight, HEAD + QUIET_HEIGHTS);
    }
    for (const record of [signedTo(HEAD - 3, 2), signedTo(HEAD - 2), signedTo(HEAD + 1)]) {
      const rig = await Rig.create(record);
      await rig.lookBack({ commitAt });
      assert.equal(rig.guard.mutedHeight, 0);
    }
  });

  it('refuses to start on what the log shows: own votes, own proposals, and own votes that peers sent back', async () => {
    const rig = await Rig.create(signedTo(HEAD));
    const { address } = rig.signer;
    const own = (vote: UnsignedVote, key = KEY) => ({ kind: 'vote', vote: signed(key, vote) });
    const proposalOf = (key: Ed25519KeyPair) => {
      const proposal: UnsignedProposal = { height: HEAD + 1, round: 0, polRound: -1, blockId: BLOCK_ID, timestamp: 1n };
      return {
        kind: 'proposal',
        proposal: { ...proposal, signature: signEd25519(key.privateKey, proposalSignBytes(CHAIN, proposal)) },
      };
    };
    const logOf = (input: object) =>
      [{ kind: 'newHeight', context: { height: HEAD + 1 } }, input].map(
        (one) => encodeWalRecord({ now: 1n, ...one } as never, RECORD_PARTS) as Uint8Array,
      );
    const ahead = unsigned(address, PREVOTE, HEAD + 1);
    for (const input of [
      { kind: 'signed', message: own(ahead) },
      { kind: 'vote', vote: signed(KEY, ahead) },
      { kind: 'signed', message: proposalOf(KEY) },
    ])
      await assert.rejects(rig.lookBack({ records: logOf(input) }), {
        code: 'bad_state_file',
        message: /signed 101\/0\//,
      });
    // Votes of others, a key that was changed, and what the record covers.
    for (const input of [
      { kind: 'vote', vote: signed(OTHER, unsigned(new Uint8Array(20), PREVOTE, HEAD + 1)) },
      { kind: 'signed', message: proposalOf(OTHER) },
      { kind: 'signed', message: own(unsigned(address, PRECOMMIT, HEAD)) },
    ])
      await rig.lookBack({ records: logOf(input) });
    assert.equal(rig.guard.mutedHeight, 0);
  });
});

describe('R17: another process with the same key', () => {
  const validated = async () => {
    const rig = await Rig.create(NOTHING_SIGNED);
    await rig.lookBack({ head: 0 });
    const mine = await rig.signer.signVote(CHAIN, unsigned(rig.signer.address, PREVOTE, 5));
    return { rig, mine };
  };

  it('is noticed by a vote that was not made here: this one signs nothing more, and says so once', async () => {
    const { rig, mine } = await validated();
    const { address } = rig.signer;
    assert.equal(rig.guard.vote(mine), 'ok');
    assert.ok(await rig.signs(6));
    for (const vote of [
      unsigned(address, PRECOMMIT, 6),
      unsigned(address, PREVOTE, 6, 1),
      unsigned(address, PREVOTE, 7),
      { ...unsigned(address, PREVOTE, 6), blockId: NIL_BLOCK_ID },
      // The same vote at another time: two honest processes do this all day.
      unsigned(address, PREVOTE, 6, 0, 2n),
    ]) {
      const { rig: one } = await validated();
      assert.ok(await one.signs(6));
      assert.equal(one.guard.vote(signed(KEY, vote)), 'ok');
      assert.equal(one.guard.vote(signed(KEY, unsigned(address, PREVOTE, 8))), 'ok');
      assert.ok(!(await one.signs(9)));
      assert.ok(!(await one.signs(Number.MAX_SAFE_INTEGER)));
      assert.equal(one.said.filter((line) => line.includes('ANOTHER PROCESS SIGNS WITH THIS KEY')).length, 1);
      assert.equal(one.foreignSignatures, 1);
    }
    assert.equal(rig.foreignSignatures, 0);
  });

  it('is noticed by a commit, for the block or for nil, also of the height before', async () => {
    for (const commits of [
      [commitWith(6, KEY_ADDRESS)],
      [commitWith(6, KEY_ADDRESS, FLAG_NIL)],
      [commitWithout(7), commitWith(6, KEY_ADDRESS)],
    ]) {
      const { rig } = await validated();
      rig.guard.applied([commitWithout(6)], undefined);
      assert.ok(await rig.signs(6));
      rig.guard.applied(commits, undefined);
      assert.ok(!(await rig.signs(8)));
      assert.equal(rig.foreignSignatures, 1);
    }
  });

  it('is noticed while catching up: a home of last week must not sign', async () => {
    const { rig } = await validated();
    rig.guard.applied([commitWith(6, KEY_ADDRESS)], 500);
    assert.ok(!(await rig.signs(501)));
  });

  it('is not seen in votes of others, or in votes before the last that was signed in an earlier run', async () => {
    const { rig } = await validated();
    assert.ok(await rig.signs(6));
    assert.equal(rig.guard.vote(signed(OTHER, unsigned(new Uint8Array(20).fill(9), PREVOTE, 9))), 'ok');
    const again = await Rig.reopen(rig.files);
    assert.equal(again.guard.vote(signed(KEY, unsigned(KEY_ADDRESS, PRECOMMIT, 5))), 'ok');
    assert.ok(await again.signs(7));
    assert.equal(rig.foreignSignatures + again.foreignSignatures, 0);
  });

  it('is not believed without a signature: who passes that on is to blame', async () => {
    const { rig } = await validated();
    const vote = unsigned(KEY_ADDRESS, PREVOTE, 9);
    assert.equal(rig.guard.vote(signed(OTHER, vote)), 'forged');
    assert.equal(rig.guard.vote({ ...vote, signature: new Uint8Array(64) }), 'forged');
    assert.ok(await rig.signs(9));
    assert.equal(rig.foreignSignatures, 0);
  });
});

describe('a node whose key was used without its knowledge', () => {
  const running = async (height: number) => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= height);
    return bench;
  };

  it('does not start with an older copy of its record', async () => {
    const bench = await running(2);
    const old = (await bench.files.read('state')) as Uint8Array;
    await bench.run(20_000, () => bench.node.chain.state.height >= 4);
    await bench.node.stop();
    const newest = (await bench.files.read('state')) as Uint8Array;
    await bench.files.replace('state', old);
    await assert.rejects(bench.start(), { code: 'bad_state_file', message: /state ends at .* is an old copy/ });
    await bench.files.replace('state', newest);
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 6);
    assert.deepEqual(bench.fatal, []);
  });

  it('falls silent when a peer shows it a vote of its own key, and goes on without signing', async () => {
    const bench = await new NodeBench(4).install();
    await bench.start();
    bench.transport.connect('a');
    const { signer } = bench.node.ports;
    assert.ok(signer instanceof FileSigner);
    const key = bench.keys[0] as Ed25519KeyPair;
    const index = bench.node.chain.state.validators.indexOf(signer.address);
    const vote = { ...unsigned(signer.address, PREVOTE, 1, 3), validatorIndex: index };
    bench.transport.receive('a', { kind: 'votes', votes: [bench.vote(OTHER, vote)] });
    assert.equal(signer.mutedHeight, 0);
    assert.deepEqual(bench.transport.punished, [{ peer: 'a', reason: 'bad_vote_signature' }]);
    bench.transport.receive('a', { kind: 'votes', votes: [bench.vote(key, vote)] });
    assert.equal(signer.mutedHeight, Number.MAX_SAFE_INTEGER);
    bench.deeds.length = 0;
    let asked = 0;
    signer.signVote = async () => {
      asked++;
      throw new Error('not to be asked');
    };
    await bench.run(20_000);
    assert.ok(!bench.deeds.includes('sign'));
    assert.equal(asked, 0, 'a muted signer is not even asked');
    assert.deepEqual(bench.fatal, []);
    await bench.node.stop();
  });
});
