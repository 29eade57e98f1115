import assert from 'node:assert/strict';
import { NetworkError } from '#network/errors.ts';
import type { PeerId } from '#ports/transport.ts';
import { HeaderBackfill, type HeaderPeers, type HeaderSink } from '#sync/header-backfill.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { encodeCommit, hashCommit } from '#types/commit.ts';
import { hashHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { toHex } from '#util/bytes.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { CHAIN_ID, LightChain, members, verifier } from '../light/support.ts';

const HEAD = 400;
const PATIENCE_MS = 60_000;

/** Validators change on the way; headers commit to the commits of the blocks before them. */
function chainOf(salt: string): LightChain {
  const chain: LightChain = new LightChain({
    heights: HEAD,
    salt,
    members: (height) => (height < 200 ? members(4) : members(5, 1)),
    change: ({ height }) => (height === 1 ? {} : { lastCommitHash: hashCommit(chain.block(height - 1).commit) }),
  });
  return chain;
}

const CHAIN = chainOf('');
type Serve = (blocks: readonly LightBlock[]) => readonly LightBlock[] | Promise<readonly LightBlock[]>;
const HONEST: Serve = (blocks) => blocks;
const SILENT: Serve = () => {
  throw new NetworkError('timeout', 'no answer');
};

class Bench implements HeaderSink {
  readonly clock = new ManualClock();
  readonly blamed: PeerId[] = [];
  readonly stored: LightBlock[] = [CHAIN.block(HEAD)];
  /** First height whose evidence is of no use any more. */
  oldest = 0;
  readonly serving: Map<PeerId, Serve>;
  /** Asked, and how often. */
  readonly asked = new Map<PeerId, number>();

  constructor(serving: Readonly<Record<PeerId, Serve>>) {
    this.serving = new Map(Object.entries(serving));
  }

  lowest() {
    return (this.stored.at(-1) as LightBlock).header;
  }

  isRecent({ height }: { readonly height: number }): boolean {
    return height > this.oldest;
  }

  async put(blocks: readonly LightBlock[]): Promise<void> {
    this.stored.push(...blocks);
  }

  run(lowest = 1): Promise<boolean> {
    const peers: HeaderPeers = {
      usable: () => [...this.serving.keys()],
      lightBlocks: async (peer, from, count) => {
        this.asked.set(peer, (this.asked.get(peer) ?? 0) + 1);
        const heights = Array.from({ length: Math.min(count, HEAD - from + 1) }, (_, i) => from + i);
        return this.serving.get(peer)?.(heights.map((height) => CHAIN.block(height))) ?? [];
      },
      isSilence: (error) => {
        if (error instanceof NetworkError) return true;
        throw error;
      },
      sleep: async (ms) => {
        this.clock.advance(ms);
        await new Promise((resolve) => setImmediate(resolve));
      },
      lied: (peer) => {
        if (this.serving.delete(peer)) this.blamed.push(peer);
      },
    };
    const { clock } = this;
    const components = { peers, sink: this, verifier, clock, logger: SILENT_LOGGER };
    return new HeaderBackfill(components, { chainId: CHAIN_ID, lowest, patienceMs: PATIENCE_MS }).run();
  }

  /** Compared as short texts: a difference of four hundred blocks is not to be read by anybody. */
  assertDownTo(height: number): void {
    const expected = Array.from({ length: HEAD - height + 1 }, (_, i) => CHAIN.block(HEAD - i));
    assert.equal(this.stored.map(described).join('\n') === expected.map(described).join('\n'), true, 'the same blocks');
  }
}

function described({ header, commit, validators }: LightBlock): string {
  return [hashHeader(header), encodeCommit(commit), validators.hash()].map(toHex).join(' ');
}

describe('headers below a snapshot', () => {
  it('come from several peers, across changes of validators, down to the first height', async () => {
    const bench = new Bench({ a: HONEST, b: HONEST });
    assert.equal(await bench.run(), true);
    bench.assertDownTo(1);
  });

  it('end with the age of evidence', async () => {
    const bench = new Bench({ a: HONEST });
    bench.oldest = 250;
    assert.equal(await bench.run(), true);
    bench.assertDownTo(250);
  });

  it('come from the others where one is silent, has fewer, or answers with a part', async () => {
    const pruned: Serve = (blocks) => ((blocks[0]?.header.height ?? 0) < 300 ? [] : blocks);
    const bench = new Bench({ silent: SILENT, pruned, part: (blocks) => blocks.slice(0, 7), a: HONEST });
    assert.equal(await bench.run(), true);
    bench.assertDownTo(1);
    assert.deepEqual(bench.blamed, []);
  });

  for (const floor of [HEAD, 300, 273, 272, 200, 2]) {
    it(`end where peers' end, at ${floor}, and do not wait long for others`, async () => {
      const from = (height: number) => {
        return (blocks: readonly LightBlock[]) => ((blocks[0]?.header.height ?? 0) < height ? [] : blocks);
      };
      const bench = new Bench({
        a: from(floor),
        b: from(Math.min(floor + 50, HEAD)),
        part: (all) => from(floor)(all).slice(0, 7),
      });
      const startMs = bench.clock.monotonicMs();
      assert.equal(await bench.run(), false);
      bench.assertDownTo(floor);
      assert.ok(bench.clock.monotonicMs() - startMs < PATIENCE_MS, 'all who are there have said so');
    });
  }

  it('are not held up by one that gives a header now and then', async () => {
    const slow: Serve = async (blocks) => {
      await new Promise<void>((resolve) => void bench.clock.setTimer(4_900, resolve));
      return blocks.slice(0, 1);
    };
    const bench = new Bench({ slow, a: HONEST, b: HONEST });
    assert.equal(await bench.run(), true);
    bench.assertDownTo(1);
    assert.ok((bench.asked.get('slow') ?? 0) <= 4, `asked ${bench.asked.get('slow')} times`);
  });

  it('are waited for while nobody is connected', async () => {
    const bench = new Bench({});
    bench.clock.setTimer(2 * PATIENCE_MS, () => bench.serving.set('a', HONEST));
    assert.equal(await bench.run(), true);
    bench.assertDownTo(1);
  });

  it('are waited for where somebody is silent', async () => {
    const bench = new Bench({ a: () => [], silent: SILENT });
    const startMs = bench.clock.monotonicMs();
    assert.equal(await bench.run(), false);
    assert.ok(bench.clock.monotonicMs() - startMs >= PATIENCE_MS);
  });

  const other = chainOf('another chain');
  const lies: Readonly<Record<string, (block: LightBlock) => LightBlock>> = {
    'headers of another chain': ({ header }) => other.block(header.height),
    'a signature that is not the one in the next block': ({ commit, ...block }) => {
      const signatures = commit.signatures.map((sig, i) => (i === 2 ? { ...sig, signature: new Uint8Array(64) } : sig));
      return { ...block, commit: { ...commit, signatures } };
    },
    'a commit of another round': ({ commit, ...block }) => ({ ...block, commit: { ...commit, round: 3 } }),
    'a commit for other parts': ({ commit, ...block }) => {
      const partSetHeader = { total: 2, hash: commit.blockId.partSetHeader.hash };
      return { ...block, commit: { ...commit, blockId: { ...commit.blockId, partSetHeader } } };
    },
    'other validators': (block) => ({ ...block, validators: CHAIN.validators(block.header.height < 200 ? 300 : 100) }),
  };
  for (const [name, lie] of Object.entries(lies)) {
    it(`with ${name}: its sender is banned, and another one asked`, async () => {
      const bench = new Bench({ liar: (blocks) => blocks.map(lie), a: HONEST });
      assert.equal(await bench.run(), true);
      bench.assertDownTo(1);
      assert.deepEqual(bench.blamed, ['liar']);
    });
  }
});
