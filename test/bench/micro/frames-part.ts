import { assert } from '#util/assert.ts';
import { Nodes, type TestNode } from '../../unit/network/support/libp2p-nodes.ts';
import type { BenchContext } from '../context.ts';
import { type Figure, measure } from '../repeat.ts';
import type { Section } from '../report.ts';

const VOTE_BYTES = 300;
const BATCH_BYTES = 64 * 1024;

/** Sends `count` frames in groups that the queue takes, and waits until all have arrived. */
async function sendAll(from: TestNode, to: TestNode, size: number, count: number, group: number): Promise<void> {
  const bytes = new Uint8Array(size).fill(7);
  to.frames.length = 0;
  for (let sent = 0; sent < count; sent += group) {
    for (let i = 0; i < group; i++) assert(from.transport.send(to.id, 'consensus', bytes), 'the queue takes a group');
    await to.until(() => to.frames.length === sent + group);
  }
}

/** One frame there and one back, so many times. */
async function roundTrips(a: TestNode, b: TestNode, count: number): Promise<void> {
  const bytes = new Uint8Array(VOTE_BYTES);
  b.onFrame = () => void b.transport.send(a.id, 'consensus', bytes);
  for (let i = 1; i <= count; i++) {
    a.frames.length = 0;
    a.transport.send(b.id, 'consensus', bytes);
    await a.until(() => a.frames.length === 1);
  }
  b.onFrame = () => undefined;
}

export async function framesPart({ quick, progress }: BenchContext): Promise<Section> {
  progress('frames over libp2p');
  const repetitions = quick ? 3 : 9;
  const nodes = new Nodes();
  try {
    const [a, b] = await nodes.pair();
    const sending = (what: string, size: number, count: number, group: number): Promise<Figure> =>
      measure({ what, operations: count, repetitions, run: () => sendAll(a, b, size, count, group) });
    const figures = [
      { bytes: VOTE_BYTES, figure: await sending('300 bytes, 100 in one tick', VOTE_BYTES, 10_000, 100) },
      { bytes: VOTE_BYTES, figure: await sending('300 bytes, one in a tick', VOTE_BYTES, 1_000, 1) },
      { bytes: BATCH_BYTES, figure: await sending('64 KiB, 10 in one tick', BATCH_BYTES, 500, 10) },
      {
        bytes: undefined,
        figure: await measure({
          what: '300 bytes there and back (time that passes)',
          clock: 'wall',
          operations: 500,
          repetitions,
          run: () => roundTrips(a, b, 500),
        }),
      },
    ];
    return {
      name: 'network-frames',
      notes: [
        'Two nodes in one process and thread, libp2p over TCP with noise and yamux on loopback: CPU time of both ends together.',
      ],
      tables: [
        {
          title: 'Frames on a consensus stream, microseconds for each',
          columns: ['frame', 'median us', 'min', 'max', 'repetitions', 'MB per CPU s'],
          rows: figures.map(({ bytes, figure }) => [
            figure.what,
            figure.median,
            figure.min,
            figure.max,
            figure.repetitions,
            bytes === undefined ? undefined : bytes / figure.median,
          ]),
        },
      ],
    };
  } finally {
    await nodes.stop();
  }
}
