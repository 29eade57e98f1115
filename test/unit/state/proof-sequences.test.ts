import assert from 'node:assert/strict';
import { runSequence, type SequenceCounts } from './proof-sequences.ts';

/** The long form: BIZRA_PROOF_SEQUENCES=100000, at some 150 sequences a second. */
const SEQUENCES = Number(process.env.BIZRA_PROOF_SEQUENCES ?? 150);
const FIRST_SEED = Number(process.env.BIZRA_PROOF_SEED ?? 1);
const TIMEOUT_MS_PER_SEQUENCE = 500;

describe('state: random histories beside a plain model', function () {
  this.timeout(10_000 + SEQUENCES * TIMEOUT_MS_PER_SEQUENCE);

  const { stackTraceLimit } = Error;

  before(() => {
    // Most of what happens here is a refusal, and where it came from takes longer to write down than to find out.
    Error.stackTraceLimit = 0;
  });

  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it('has its contents, its root and its proofs, and no altered proof holds', async function () {
    const sum: SequenceCounts = { writes: 0, existence: 0, absence: 0, altered: 0 };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEQUENCES; seed++) {
      try {
        const counts = await runSequence(seed);
        for (const name of Object.keys(sum) as (keyof SequenceCounts)[]) sum[name] += counts[name];
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    const { writes, existence, absence, altered } = sum;
    if (this.test !== undefined) {
      this.test.title += ` (${SEQUENCES} histories from seed ${FIRST_SEED}, ${writes} writes, ${existence} proofs of existence, ${absence} of absence, ${altered} altered)`;
    }
    assert.ok(existence > 3 * SEQUENCES && absence > 3 * SEQUENCES && altered > 20 * SEQUENCES);
  });
});
