import { parentPort } from 'node:worker_threads';
import { assert } from '#util/assert.ts';
import { InlineVerifier } from './verifier.ts';
import { unpackItems } from './verify-codec.ts';
import type { VerifyAnswer, VerifyJob } from './worker-verifier.ts';

/** Entry of a verifier thread: one buffer of items in, one byte an item out. */
const port = parentPort;
assert(port !== null, 'verify-worker runs as a worker thread');
const verifier = new InlineVerifier();

port.on('message', (job: VerifyJob) => {
  const verdicts = Uint8Array.from(unpackItems(job.items), (item) => (verifier.verifySync(item) ? 1 : 0));
  const answer: VerifyAnswer = { id: job.id, verdicts: verdicts.buffer };
  port.postMessage(answer, [verdicts.buffer]);
});
