import type { Table } from '../report.ts';

/**
 * The Go stack, measured on 2026-11-20 on a machine of two cores and 24 GiB with a load generator of the same method
 * (signed ahead, `broadcast_tx_sync` to all four nodes, read back block by block). Quoted: nothing here is measured by
 * this bench, and another machine gives other figures on both sides.
 */
export const GO_STACK: Table = {
  title: 'For comparison, quoted and not measured here: Cosmos SDK 0.55 on CometBFT 0.40, four validators, two cores',
  columns: ['load', 'committed tx/s', 'p50 ms', 'p95', 'p99', 'block interval ms', 'CPU us/tx/node', 'MB/node'],
  rows: [
    ['100/s, timeout_commit 0', 100, 409, 605, 675, 280, undefined, '326-338'],
    ['100/s, tuned (gossip sleep 2 ms, flush 1 ms)', 100, 99, 247, 642, 130, undefined, '487-504'],
    ['as fast as taken', 527, 4_769, 8_198, 10_067, 2_900, 875, '606-624'],
  ],
};

export const GO_STACK_NOTES: readonly string[] = [
  'The Go stack besides (SDK 0.50 on CometBFT 0.38): 3.3 KB of disk a transaction; 33 to 37 idle blocks/s when tuned.',
];
