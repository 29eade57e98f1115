import assert from 'node:assert/strict';
import { type ChainState, encodeChainState } from '#engine/chain-state.ts';
import { readChainState } from '#engine/chain-store.ts';
import { ByteWriter } from '#network/codec.ts';
import type { Request } from '#network/messages.ts';
import { decodeAnswer, encodeAnswer } from '#network/request-codec.ts';
import type { SnapshotOffer } from '#network/state-sync-messages.ts';
import { checkStore, openChain } from '#node/database.ts';
import { BlockStore } from '#storage/block-store.ts';
import type { MemoryKeyValue } from '#storage/memory.ts';
import { encodeCommit } from '#types/commit.ts';
import { encodeHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { type Validator, writeValidators } from '#types/validator.ts';
import { encodeWith } from '#types/wire-writer.ts';
import { genesisValidators, simGenesis } from '../../sim/chain/genesis.ts';
import { bytesOf } from '../network/support/samples.ts';
import { HONEST, Newcomer, ProcessDied, type Script, SILENT, SourceChain } from './state-sync-rig.ts';

/** The database is that of a node which executed every block up to `height`. */
async function assertSynced(newcomer: Newcomer, source: SourceChain, height: number): Promise<void> {
  const { database } = newcomer;
  assert.ok(database !== undefined, 'the database has its name');
  assert.equal(newcomer.unfinished, undefined);
  const { genesis, node } = source.bench;
  const { chainState, state } = await openChain(database, genesis, {});
  const blockStore = await BlockStore.open(database);
  await checkStore({ ...node.ports, kv: database }, blockStore, chainState);
  assert.equal(chainState.height, height);
  assert.deepEqual(state.appHash, node.blockStore.meta(height)?.appHash);
  assert.equal(blockStore.base, height + 1);
  assert.equal(blockStore.headerBase, 1, 'evidence of all heights can be judged');
  for (let at = 1; at <= height; at++) {
    assert.deepEqual(blockStore.meta(at)?.header, node.blockStore.meta(at)?.header);
    assert.deepEqual((await blockStore.signers(at)).hash(), (await node.blockStore.signers(at)).hash());
  }
  assert.deepEqual(await blockStore.validators(height + 1), await node.blockStore.validators(height + 1));
}

describe('state sync', function () {
  this.timeout(60_000);
  let source: SourceChain;
  before(async () => {
    source = await SourceChain.create(4, 9, 14);
  });

  it('ends in the chain state of a node that executed every block', async () => {
    const chain = new SourceChain();
    await (await chain.bench.install()).start();
    while (chain.height < 12) {
      const height = chain.height + 1;
      await chain.runTo(height);
      const executed = encodeChainState(chain.bench.node.chain.state);
      await chain.archive.make(chain.bench);
      await chain.runTo(height + 1);
      const newcomer = new Newcomer(chain, { a: HONEST, b: HONEST });
      newcomer.settings = { ...newcomer.settings, statesync: { ...newcomer.settings.statesync, discoveryTimeMs: 10 } };
      await newcomer.sync();
      await assertSynced(newcomer, chain, height);
      const synced = readChainState(newcomer.database as MemoryKeyValue);
      assert.deepEqual(encodeChainState(synced as ChainState), executed);
      chain.archive.drop(height);
    }
  });

  it('takes the newest snapshot that several peers offer', async () => {
    const newcomer = new Newcomer(source, { a: HONEST, b: HONEST, c: HONEST });
    await newcomer.sync();
    await assertSynced(newcomer, source, 14);
    assert.deepEqual(newcomer.punished, []);
    const asked = new Set(newcomer.asked.flatMap(({ peer, request }) => (request.kind === 'getChunk' ? [peer] : [])));
    assert.ok(asked.size > 1, 'chunks come from several peers');
  });

  it('goes on where a process died, at whatever write', async () => {
    for (let steps = 0, died = true; died; steps++) {
      const newcomer = new Newcomer(source, { a: HONEST, b: HONEST });
      newcomer.directories.stepsLeft = steps;
      died = await newcomer.sync().then(
        () => false,
        (error: unknown) => {
          assert.ok(error instanceof ProcessDied, String(error));
          return true;
        },
      );
      newcomer.directories.stepsLeft = Number.POSITIVE_INFINITY;
      if (newcomer.database === undefined) await newcomer.sync();
      await assertSynced(newcomer, source, 14);
    }
  });

  it('does not fetch twice what is written', async () => {
    const newcomer = new Newcomer(source, { a: HONEST });
    newcomer.directories.stepsLeft = 5;
    await assert.rejects(newcomer.sync(), ProcessDied);
    newcomer.directories.stepsLeft = Number.POSITIVE_INFINITY;
    const chunks = () =>
      newcomer.asked.flatMap(({ request }) => (request.kind === 'getChunk' ? [request.index] : [])).sort();
    const before = chunks();
    newcomer.asked.length = 0;
    await newcomer.sync();
    await assertSynced(newcomer, source, 14);
    assert.ok(chunks().length < 6 && before.length > 0, `${before} and then ${chunks()}`);
  });

  it('goes on with what was begun, though a newer one is offered, and another one under its height', async () => {
    const chain = await SourceChain.create(4);
    const newcomer = new Newcomer(chain, { a: HONEST, b: HONEST });
    newcomer.directories.stepsLeft = 5;
    await assert.rejects(newcomer.sync(), ProcessDied);
    newcomer.directories.stepsLeft = Number.POSITIVE_INFINITY;
    await chain.runTo(9);
    await chain.archive.make(chain.bench);
    await chain.runTo(12);
    const invented = { height: 4, id: bytesOf(32, 1), chunks: 9 };
    const liar: Script = async (request, honest) =>
      request.kind === 'getSnapshots' ? encodeAnswer('getSnapshots', { snapshots: [invented] }) : honest();
    for (const peer of ['liar', 'other']) newcomer.scripts.set(peer, liar);
    newcomer.asked.length = 0;
    await newcomer.sync();
    await assertSynced(newcomer, chain, 4);
    assert.deepEqual(
      newcomer.asked.filter(({ peer, request }) => !['a', 'b'].includes(peer) && request.kind === 'getManifest'),
      [],
    );
  });

  it('starts over when nobody has the snapshot any more that was begun', async () => {
    const chain = await SourceChain.create(4, 9);
    const newcomer = new Newcomer(chain, { a: HONEST, b: HONEST });
    newcomer.directories.stepsLeft = 5;
    await assert.rejects(newcomer.sync(), ProcessDied);
    newcomer.directories.stepsLeft = Number.POSITIVE_INFINITY;
    chain.archive.drop(9);
    await newcomer.sync();
    await assertSynced(newcomer, chain, 4);
  });

  it('goes on with another snapshot when one vanishes on the way', async () => {
    const chain = await SourceChain.create(4, 9);
    const newcomer = new Newcomer(chain, { a: HONEST, b: HONEST });
    const vanishing: Script = async (request, honest) => {
      if (request.kind === 'getChunk' && request.height === 9) chain.archive.drop(9);
      return honest();
    };
    for (const peer of ['a', 'b']) newcomer.scripts.set(peer, vanishing);
    newcomer.settings = {
      ...newcomer.settings,
      statesync: { ...newcomer.settings.statesync, giveUpAfterMs: 600_000 },
    };
    await newcomer.sync();
    await assertSynced(newcomer, chain, 4);
  });

  it('without any snapshot falls back to blocks from genesis, or ends when told to, with one line', async () => {
    const chain = await SourceChain.create();
    const newcomer = new Newcomer(chain, { a: HONEST });
    await newcomer.sync();
    assert.equal(newcomer.database, undefined);
    assert.ok(
      newcomer.lines.some((line) => /all blocks are fetched from genesis on instead.*no peer offers/.test(line)),
    );
    await newcomer.fallBack();
    assert.ok(newcomer.database !== undefined);
    const strict = new Newcomer(chain, { a: HONEST });
    strict.settings = { ...strict.settings, statesync: { ...strict.settings.statesync, fallback: false } };
    await assert.rejects(strict.sync(), {
      code: 'no_snapshot',
      message: 'no snapshot could be had: no peer offers one',
    });
  });

  it('ends when the process is told to, and says so', async () => {
    const controller = new AbortController();
    const newcomer = new Newcomer(source, { a: SILENT });
    newcomer.scripts.set('a', async () => {
      controller.abort();
      return new Promise(() => {});
    });
    await assert.rejects(newcomer.sync(controller.signal), { code: 'stopped' });
  });

  it('begins anew where what was fetched followed from a header that is trusted no more', async () => {
    const fetched = async (): Promise<Newcomer> => {
      const newcomer = new Newcomer(source, { a: HONEST, b: HONEST });
      // Dies among the headers.
      const hasState = () => newcomer.unfinished !== undefined && readChainState(newcomer.unfinished) !== undefined;
      for (let steps = 0; !hasState(); steps++) {
        newcomer.directories.databases.clear();
        newcomer.directories.stepsLeft = steps;
        await assert.rejects(newcomer.sync(), ProcessDied);
      }
      newcomer.directories.stepsLeft = Number.POSITIVE_INFINITY;
      newcomer.asked.length = 0;
      return newcomer;
    };
    const chunks = ({ asked }: Newcomer) => asked.filter(({ request }) => request.kind === 'getChunk').length;
    const same = await fetched();
    await same.sync();
    await assertSynced(same, source, 14);
    assert.equal(chunks(same), 0);
    const other = await fetched();
    const trust = { trustHeight: 2, trustHash: source.hashAt(2) };
    other.settings = { ...other.settings, statesync: { ...other.settings.statesync, ...trust } };
    await other.sync();
    await assertSynced(other, source, 14);
    assert.ok(chunks(other) > 0);
    const wrong = await fetched();
    const statesync = { ...wrong.settings.statesync, trustHash: 'ff'.repeat(32), fallback: false };
    wrong.settings = { ...wrong.settings, statesync };
    await assert.rejects(wrong.sync(), { code: 'no_snapshot' });
    assert.equal(wrong.database, undefined);
  });

  it('a trusted hash that is of another chain, a trusted header that is too old, and settings without trust are refused', async () => {
    const other = new Newcomer(source, { a: HONEST, b: HONEST });
    const statesync = { ...other.settings.statesync, trustHash: '00'.repeat(32), fallback: false };
    other.settings = { ...other.settings, statesync };
    await assert.rejects(other.sync(), { code: 'no_snapshot', message: /trusted is 0000/ });
    const none = new Newcomer(source, { a: HONEST });
    none.settings = { ...none.settings, statesync: { ...none.settings.statesync, trustHash: '' } };
    await assert.rejects(none.sync(), { code: 'config_invalid', message: /trust_height and statesync.trust_hash/ });
  });
});

/** Answers with light blocks that are not the chain's. */
function forged(change: (block: LightBlock) => LightBlock): Script {
  return async (request: Request, honest) => {
    if (request.kind !== 'getLightBlocks') return honest();
    const { blocks } = decodeAnswer<'getLightBlocks'>(request, await honest(), { maxBlockBytes: 1, maxTxBytes: 1 });
    return encodeAnswer('getLightBlocks', { blocks: blocks.map(change) });
  };
}

describe('state sync among lying peers', function () {
  this.timeout(60_000);
  let source: SourceChain;
  before(async () => {
    source = await SourceChain.create(4, 9);
  });

  /** What one of three lies about. */
  const lies: Readonly<Record<string, Script>> = {
    'a wrong chunk': async (request, honest) => {
      const bytes = await honest();
      if (request.kind !== 'getChunk') return bytes;
      return encodeAnswer('getChunk', { chunk: bytesOf(500, 7) });
    },
    'another chunk of the same snapshot': async (request, honest) =>
      request.kind === 'getChunk' ? source.answer('x', { ...request, index: (request.index + 1) % 6 }) : honest(),
    "another snapshot's chunk": async (request, honest) => {
      if (request.kind !== 'getChunk') return honest();
      return encodeAnswer('getChunk', { chunk: await source.archive.chunk(4, request.index) });
    },
    'a truncated chunk': async (request, honest) => {
      if (request.kind !== 'getChunk') return honest();
      const chunk = await source.archive.chunk(9, request.index);
      return encodeAnswer('getChunk', { chunk: chunk?.subarray(0, chunk.length >> 1) });
    },
    'a cut answer': async (request, honest) => {
      const bytes = await honest();
      return request.kind === 'getChunk' ? bytes.subarray(0, bytes.length - 1) : bytes;
    },
    'no chunk': async (request, honest) =>
      request.kind === 'getChunk' ? encodeAnswer('getChunk', { chunk: undefined }) : honest(),
    'silence after its offers': (request, honest) =>
      request.kind === 'getSnapshots' ? honest() : new Promise<Uint8Array>(() => {}),
    'a wrong manifest': async (request, honest) =>
      request.kind === 'getManifest' ? encodeAnswer('getManifest', { manifest: bytesOf(200, 3) }) : honest(),
    "another height's manifest": async (request, honest) =>
      request.kind === 'getManifest'
        ? encodeAnswer('getManifest', { manifest: await source.archive.manifest(4) })
        : honest(),
    '2^32 chunks': async (request, honest) =>
      request.kind === 'getSnapshots'
        ? encodeAnswer('getSnapshots', { snapshots: [{ height: 9, id: bytesOf(32, 1), chunks: 2 ** 32 - 1 }] })
        : honest(),
    'a snapshot of the last height there can be': async (request, honest) =>
      request.kind === 'getSnapshots'
        ? encodeAnswer('getSnapshots', {
            snapshots: [{ height: Number.MAX_SAFE_INTEGER - 1, id: bytesOf(32, 1), chunks: 9 }],
          })
        : honest(),
    'many snapshots of heights to come': async (request, honest) =>
      request.kind === 'getSnapshots'
        ? encodeAnswer('getSnapshots', {
            snapshots: Array.from({ length: 16 }, (_, i) => ({ height: 100 + i, id: bytesOf(32, i), chunks: 9 })),
          })
        : honest(),
    'a header of another chain': forged((block) => ({
      ...block,
      header: { ...block.header, appHash: bytesOf(32, 9) },
    })),
    'a forged commit': forged(({ commit, ...block }) => {
      const signatures = commit.signatures.map((sig) => ({ ...sig, signature: bytesOf(64, 5) }));
      return { ...block, commit: { ...commit, signatures } };
    }),
    'other validators': forged((block) => ({ ...block, validators: genesisValidators(simGenesis(3).keys) })),
    'no headers': async (request, honest) =>
      request.kind === 'getLightBlocks' ? encodeAnswer('getLightBlocks', { blocks: [] }) : honest(),
  };

  for (const [name, lie] of Object.entries(lies)) {
    it(`${name}: costs its bounded time, never the sync`, async () => {
      for (const order of [
        { liar: lie, a: HONEST, b: HONEST },
        { a: HONEST, b: HONEST, liar: lie },
      ]) {
        const newcomer = new Newcomer(source, order);
        await newcomer.sync();
        await assertSynced(newcomer, source, 9);
        assert.deepEqual(
          newcomer.punished.filter(({ peer }) => peer !== 'liar'),
          [],
          'nobody honest pays for it',
        );
      }
    });
  }

  it('who sends what no honest node sends is banned, and not asked again', async () => {
    const banned = [
      'a wrong chunk',
      'another chunk of the same snapshot',
      'a truncated chunk',
      'a wrong manifest',
      'a header of another chain',
      'a forged commit',
    ];
    for (const name of banned) {
      const newcomer = new Newcomer(source, { liar: lies[name] as Script, a: HONEST, b: HONEST });
      await newcomer.sync();
      assert.deepEqual(newcomer.reasons('liar'), ['invalid_snapshot'], name);
    }
    for (const name of ['2^32 chunks', 'a cut answer']) {
      const newcomer = new Newcomer(source, { liar: lies[name] as Script, a: HONEST, b: HONEST });
      await newcomer.sync();
      assert.ok(newcomer.reasons('liar').includes('malformed'), name);
    }
  });

  it('a set that has a validator twice is malformed, and ends nobody', async () => {
    const { blockStore } = source.bench.node;
    const twice: Script = async (request, honest) => {
      const height = request.kind === 'getLightBlocks' ? request.from || source.height : 0;
      const [header, commit] = [blockStore.meta(height)?.header, blockStore.commit(height)];
      if (header === undefined || commit === undefined) return honest();
      const [one] = (await blockStore.signers(height)).validators;
      assert.ok(one !== undefined);
      const [first, second] = [2n, 1n].map((votingPower) => ({ ...one, votingPower }));
      const set = encodeWith((writer) => writeValidators(writer, [first, second] as Validator[], first as Validator));
      const writer = new ByteWriter();
      writer.list([0], () => {
        writer.bytes(encodeHeader(header));
        writer.bytes(encodeCommit(commit));
        writer.optional(set, (bytes) => writer.bytes(bytes));
      });
      return writer.finish();
    };
    const newcomer = new Newcomer(source, { liar: twice, a: HONEST, b: HONEST });
    await newcomer.sync();
    await assertSynced(newcomer, source, 9);
    assert.ok(newcomer.reasons('liar').includes('malformed'), newcomer.reasons('liar').join());
  });

  it('two of three may lie, as long as one is honest', async () => {
    for (const name of ['a wrong chunk', 'a wrong manifest', 'a forged commit', 'no chunk']) {
      const lie = lies[name] as Script;
      const newcomer = new Newcomer(source, { liar: lie, other: lie, a: HONEST });
      await newcomer.sync();
      await assertSynced(newcomer, source, 9);
    }
  });

  /** Offers what it does not give: `what` is never answered. */
  function keeping(what: 'getManifest' | 'getChunk', offers: readonly SnapshotOffer[]): Script {
    return async (request, honest) => {
      if (request.kind === what) return SILENT(request, honest);
      return request.kind === 'getSnapshots' ? encodeAnswer('getSnapshots', { snapshots: offers }) : honest();
    };
  }

  it('snapshots that their offerers keep to themselves do not put off the one that can be had', async () => {
    // Two of them agree, so their word counts as much as that of the honest ones, and what they name is newer.
    const invented = [10, 11].map((height) => ({ height, id: bytesOf(32, height), chunks: 9 }));
    const liar = keeping('getManifest', invented);
    const newcomer = new Newcomer(source, { liar, other: liar, a: HONEST, b: HONEST });
    await newcomer.sync();
    await assertSynced(newcomer, source, 9);
  });

  it('where nobody gives the chunks of what is offered, all blocks are fetched', async () => {
    const liar = keeping('getChunk', source.archive.list());
    const without = keeping('getChunk', []);
    const newcomer = new Newcomer(source, { liar, a: without, b: without });
    await newcomer.sync();
    assert.equal(newcomer.database, undefined);
    assert.ok(newcomer.lines.some((line) => /all blocks are fetched.*nobody gives the chunks/.test(line)));
  });

  it('a peer that comes and goes costs nothing', async () => {
    const newcomer = new Newcomer(source, { a: HONEST, b: HONEST });
    const leaving: Script = async (request, honest) => {
      if (request.kind === 'getChunk') newcomer.scripts.delete('c');
      return honest();
    };
    newcomer.scripts.set('c', leaving);
    await newcomer.sync();
    await assertSynced(newcomer, source, 9);
  });
});
