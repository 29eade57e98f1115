import { parentPort, workerData } from 'node:worker_threads';
import { runShare, type Share } from './run-cases.ts';

/** Cases between two reports of progress. */
const REPORT_EVERY = 1_000;

let cases = 0;
const summary = runShare(workerData as Share, () => {
  if (++cases % REPORT_EVERY === 0) parentPort?.postMessage(REPORT_EVERY);
});
const { failed, slowestHealDelays, rounds, decidedBefore, told } = summary;
parentPort?.postMessage({ cases: summary.cases, failed, slowestHealDelays, rounds, decidedBefore, told });
