import assert from 'node:assert/strict';
import fc from 'fast-check';
import { generateEd25519, verifyEd25519 } from '#crypto/ed25519.ts';
import type { Files } from '#ports/files.ts';
import { NO_LOCK } from '#signer/key-lock.ts';
import { SIGNER_STEP, type SignerStep } from '#signer/last-signed.ts';
import { createSignerFiles, FileSigner } from '#signer/signer.ts';
import { type FileStep, MemoryFiles } from '#storage/memory-files.ts';
import { proposalSignBytes } from '#types/proposal.ts';
import { PRECOMMIT, PREVOTE, voteSignBytes } from '#types/vote.ts';
import { toHex } from '#util/bytes.ts';

/**
 * Requests in all. The long form of a million takes some two minutes:
 *
 *   BIZRA_SIGNER_REQUESTS=1000000 npm test -- unit
 *
 * and BIZRA_SIGNER_SEED=N chooses other ones.
 */
const REQUESTS = Number(process.env.BIZRA_SIGNER_REQUESTS ?? 10_000);
const SEED = Number(process.env.BIZRA_SIGNER_SEED ?? 1);
/** Of one key, at most, so that it comes back to a place after many crashes. */
const REQUESTS_PER_RUN = 200;

const KINDS = ['power', 'power, names kept', 'kill', 'eio'] as const;
const CHAIN = 'test-chain';
const KEY = generateEd25519(new Uint8Array(32).fill(7));
const STEPS: readonly FileStep[] = ['write', 'writeRest', 'sync', 'rename', 'syncDirectory'];

/**
 * What goes wrong before one step of a replacement. A power cut may keep or lose what was not synced; a kill loses
 * nothing; after `eio` the process is asked on for a while.
 */
interface Trouble {
  readonly kind: (typeof KINDS)[number];
  readonly at: FileStep;
}

interface Request {
  readonly height: number;
  readonly round: number;
  readonly step: Exclude<SignerStep, 0>;
  readonly block: number;
  readonly time: number;
  /** At the place of the request before: what is asked twice is where a key goes wrong. */
  readonly again: boolean;
  readonly act: 'sign' | 'sign two at once' | 'raise';
  readonly trouble: Trouble | undefined;
}

const request: fc.Arbitrary<Request> = fc.record({
  height: fc.integer({ min: 1, max: 4 }),
  round: fc.nat(1),
  step: fc.constantFrom(SIGNER_STEP.proposal, SIGNER_STEP.prevote, SIGNER_STEP.precommit),
  block: fc.nat(1),
  time: fc.nat(2),
  again: fc.boolean(),
  act: fc.constantFrom('sign', 'sign', 'sign', 'sign two at once', 'raise'),
  trouble: fc.option(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      at: fc.constantFrom(...STEPS),
    }),
    { freq: 3 },
  ),
}) as fc.Arbitrary<Request>;

const FORGOTTEN = new Error('forgotten');

/** A home whose disk does what a run says. */
class Home {
  trouble: Trouble | undefined;
  readonly troubles = new Set<string>();
  files: MemoryFiles;

  private readonly forgotten: 'sync' | 'syncDirectory' | undefined;

  constructor(before: MemoryFiles, forgotten: 'sync' | 'syncDirectory' | undefined) {
    this.forgotten = forgotten;
    this.files = before.crash(this.options());
  }

  /** What is left after the process died. */
  restart(kind: Trouble['kind']): void {
    this.trouble = undefined;
    // Only a power cut loses what the system had not written yet.
    if (kind === 'power') this.files = this.files.crash(this.options());
    const survival = { end: (_path: string, unsynced: Uint8Array) => unsynced.slice(0, 1), name: () => true };
    if (kind === 'power, names kept') this.files = this.files.crash(this.options(), survival);
  }

  /** What a process sees: a careless one answers before the name of the file is on the disk. */
  port(): Files {
    const { files } = this;
    if (this.forgotten !== 'syncDirectory') return files;
    const careless = files.sharing({
      beforeStep: (step) => {
        if (step === 'syncDirectory') throw FORGOTTEN;
      },
    });
    const replace = (path: string, bytes: Uint8Array): Promise<void> =>
      careless.replace(path, bytes).catch((error: unknown) => assert.equal(error, FORGOTTEN));
    return Object.assign(Object.create(files) as MemoryFiles, { replace });
  }

  private options() {
    return {
      beforeStep: (step: FileStep) => {
        if (this.trouble?.at !== step) return;
        this.troubles.add(`${this.trouble.kind} ${step}`);
        throw new Error(this.trouble.kind);
      },
      neverSynced: () => this.forgotten === 'sync',
    };
  }
}

/** Everything that left the key, by place; a second thing at one place is the end. */
class Published {
  count = 0;
  private readonly left = new Map<string, string>();

  note({ height, round, step }: Request, signBytes: Uint8Array, signature: Uint8Array): void {
    assert.ok(verifyEd25519(KEY.publicKey, signBytes, signature), 'a signature verifies');
    const place = `${height}/${round}/${step}`;
    const signed = toHex(signBytes);
    assert.equal(this.left.get(place) ?? signed, signed, `two signatures at ${place}`);
    this.left.set(place, signed);
    this.count++;
  }
}

async function signOne(signer: FileSigner, asked: Request, block: number, published: Published): Promise<void> {
  const { height, round, step, time } = asked;
  const bytes = new Uint8Array(32).fill(block + 1);
  const blockId = { hash: bytes, partSetHeader: { total: 1, hash: bytes } };
  const timestamp = 1_700_000_000_000_000_000n + BigInt(time);
  if (step === SIGNER_STEP.proposal) {
    const signed = await signer.signProposal(CHAIN, { height, round, polRound: -1, blockId, timestamp });
    published.note(asked, proposalSignBytes(CHAIN, signed), signed.signature);
    return;
  }
  const type = step === SIGNER_STEP.prevote ? PREVOTE : PRECOMMIT;
  const validator = { validatorAddress: signer.address, validatorIndex: 0 };
  const signed = await signer.signVote(CHAIN, { type, height, round, blockId, timestamp, ...validator });
  published.note(asked, voteSignBytes(CHAIN, signed), signed.signature);
}

async function perform(signer: FileSigner, asked: Request, published: Published): Promise<void> {
  const { act, block } = asked;
  const tasks =
    act === 'raise'
      ? [signer.raise(asked)]
      : Array.from({ length: act === 'sign' ? 1 : 2 }, (_, second) =>
          signOne(signer, asked, block + second, published),
        );
  for (const outcome of await Promise.allSettled(tasks))
    if (outcome.status === 'rejected' && outcome.reason instanceof assert.AssertionError) throw outcome.reason;
}

interface Outcome {
  readonly published: number;
  readonly troubles: ReadonlySet<string>;
}

/** Runs requests against one key through all its restarts. Throws when two things were signed at one place. */
async function run(requests: readonly Request[], forgotten?: 'sync' | 'syncDirectory'): Promise<Outcome> {
  const fresh = new MemoryFiles();
  await createSignerFiles(fresh, 'key', 'state', KEY);
  const home = new Home(fresh, forgotten);
  const open = () => FileSigner.open(home.port(), 'key', 'state', { lock: NO_LOCK });
  const published = new Published();
  let signer = await open();
  let brokenFor = 0;
  let before: Request | undefined;
  for (const drawn of requests) {
    const { height, round, step } = (drawn.again ? before : undefined) ?? drawn;
    const asked = { ...drawn, height, round, step };
    before = asked;
    home.trouble = asked.trouble ?? home.trouble;
    await perform(signer, asked, published);
    const kind = home.trouble?.kind;
    if (kind === undefined) continue;
    // A process that met a disk error and lives on must not sign, however often and whatever it is asked.
    if (kind === 'eio' && ++brokenFor < 3) continue;
    brokenFor = 0;
    home.restart(kind);
    signer = await open();
  }
  return { published: published.count, troubles: home.troubles };
}

const sequence = fc.array(request, { minLength: 1, maxLength: REQUESTS_PER_RUN, size: 'max' });

describe('double signing', () => {
  it(`R16: never signs two things for one height, round and type, in ${REQUESTS} requests with crashes at every step`, async function () {
    this.timeout(10_000 + REQUESTS);
    let published = 0;
    const met = new Set<string>();
    const never = fc.asyncProperty(sequence, async (requests) => {
      const outcome = await run(requests);
      published += outcome.published;
      for (const trouble of outcome.troubles) met.add(trouble);
    });
    await fc.assert(never, { seed: SEED, numRuns: Math.ceil((2 * REQUESTS) / REQUESTS_PER_RUN) });
    assert.ok(published > REQUESTS / 100, `${published} signatures left`);
    assert.equal(met.size, KINDS.length * STEPS.length, `met ${[...met].join(', ')}`);
  });

  for (const forgotten of ['sync', 'syncDirectory'] as const) {
    it(`R16: notices a file that is replaced without its ${forgotten}`, async () => {
      const careless = fc.asyncProperty(sequence, async (requests) => {
        await run(requests, forgotten);
      });
      const { failed, errorInstance } = await fc.check(careless, { seed: SEED, numRuns: 50, endOnFailure: true });
      assert.ok(failed);
      assert.match(String(errorInstance), /two signatures at|bad_state_file|damaged/);
    });
  }
});
