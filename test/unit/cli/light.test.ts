import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RpcLightProvider } from '#cli/rpc-light-provider.ts';
import { formatGenesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { genesisOf } from '../../support/light-genesis.ts';
import { RecordedChain, readLines } from '../../support/recorded-chain.ts';
import { CHAIN_ID, digest, LightChain, members } from '../light/support.ts';
import { FakeRpc, lightMethods, type Methods, run } from './fake-rpc.ts';

/** The paper chain's time is years ago. */
const LONG = ['--trusting-period', '100000'];

describe('command line: light', () => {
  const chain = new LightChain({ heights: 40, members: () => members(4) });
  const servers: FakeRpc[] = [];
  let directory = '';

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-light-'));
  });

  after(async () => {
    for (const server of servers) await server.stop();
    await rm(directory, { recursive: true });
  });

  async function serve(methods: Methods): Promise<FakeRpc> {
    const server = await FakeRpc.start(methods);
    servers.push(server);
    return server;
  }

  const serveChain = (of: LightChain, head = of.plan.heights, more: Methods = {}): Promise<FakeRpc> =>
    serve({
      ...lightMethods(
        CHAIN_ID,
        () => head,
        (height) => of.block(height),
      ),
      ...more,
    });

  const trusting = (height: number): string[] => [
    '--trusted-height',
    String(height),
    '--trusted-hash',
    toHex(chain.hash(height)),
    ...LONG,
  ];

  it('verifies the newest header, or a given one, and says with what', async () => {
    const [node, witness] = [await serveChain(chain), await serveChain(chain)];
    const urls = ['--node', node.url, '--witness', witness.url];
    const { code, out, errors } = await run(['light', ...urls, ...trusting(3)]);
    assert.deepEqual([code, errors], [0, []]);
    const text = out.join('\n');
    assert.match(text, /^trusted +header 3, as you named it/m);
    assert.match(text, /^verified +header 40 of /m);
    assert.match(text, /^signed by +power 40 of 40, 4 validators$/m);
    assert.match(text, /^steps +1 light blocks, skipping$/m);
    assert.match(text, new RegExp(`^witnesses +seen alike by ${witness.url}$`, 'm'));
    const json = await run(['light', ...urls, ...trusting(3), '--height', '20', '--sequential', '--json']);
    const answer = JSON.parse(json.out[0] ?? '');
    assert.equal(answer.hash, toHex(chain.hash(20)).toUpperCase());
    assert.deepEqual([answer.height, answer.steps, answer.mode], [20, 17, 'sequential']);
    const back = await run(['light', ...urls, ...trusting(30), '--height', '20', '--json']);
    const below = JSON.parse(back.out[0] ?? '');
    assert.deepEqual([below.hash, below.mode], [toHex(chain.hash(20)).toUpperCase(), 'backwards']);
  });

  it('says plainly that nobody else was asked', async () => {
    const node = await serveChain(chain);
    const { out } = await run(['light', '--node', node.url, ...trusting(3)]);
    assert.match(out.join('\n'), /^witnesses +none: nobody else was asked/m);
  });

  it('trusts a genesis file', async () => {
    const path = join(directory, 'genesis.json');
    const genesis = genesisOf(chain);
    await writeFile(path, formatGenesis(genesis));
    const node = await serveChain(chain);
    const { code, out } = await run(['light', '--node', node.url, '--genesis', path, ...LONG]);
    assert.equal(code, 0);
    assert.match(out.join('\n'), /^verified +header 40 /m);
    await writeFile(path, formatGenesis({ ...genesis, validators: genesis.validators.slice(1) }));
    const other = await run(['light', '--node', node.url, '--genesis', path, ...LONG]);
    assert.equal(other.code, 1);
    assert.match(other.errors[0] ?? '', /are not those of the genesis file/);
  });

  it('refuses what is not on the trusted chain, in one line', async () => {
    const node = await serveChain(chain.fork(10, { members: () => members(4, 50) }));
    const forged = await run(['light', '--node', node.url, ...trusting(3)]);
    assert.equal(forged.code, 1);
    assert.equal(forged.errors.length, 1);
    const wrong = ['--trusted-height', '3', '--trusted-hash', toHex(digest('other')), ...LONG];
    const named = await run(['light', '--node', node.url, ...wrong]);
    assert.equal(named.code, 1);
    assert.match(named.errors[0] ?? '', /has header 3 \([0-9A-F]{64}\); trusted is /);
    const old = await run(['light', '--node', node.url, ...trusting(3).slice(0, 4)]);
    assert.match(old.errors[0] ?? '', /older than the trusting period/);
  });

  it('tells of an attack with the evidence, hands it over, and ends with 1', async () => {
    const reported: unknown[] = [];
    const takes: Methods = {
      broadcast_evidence: (params) => {
        reported.push(params.evidence);
        return { hash: '' };
      },
    };
    const liar = await serveChain(chain.fork(10, { change: () => ({ appHash: digest('lie') }) }));
    const honest = await serveChain(chain, 40, takes);
    const args = ['light', '--node', liar.url, '--witness', honest.url, ...trusting(3), '--json'];
    const { code, out, errors } = await run(args);
    assert.equal(code, 1);
    assert.match(errors[0] ?? '', /attack on light clients/);
    const { error, accusations } = JSON.parse(out[0] ?? '');
    assert.equal(error, 'light_client_attack');
    assert.equal(accusations[0].provider, liar.url);
    assert.deepEqual(accusations[0].evidence, reported[0]);
  });

  it('wants to be told what to trust', async () => {
    const half = ['--trusted-height', '3'];
    for (const args of [
      [],
      half,
      ['--trusted-height', '3', '--trusted-hash', 'abc'],
      [...trusting(3), '--genesis', 'x'],
    ]) {
      const { code, errors } = await run(['light', ...args]);
      assert.equal(code, 2, args.join(' '));
      assert.equal(errors.length, 1);
    }
    assert.equal((await run(['light', ...trusting(3), '--follow', '--height', '5'])).code, 2);
  });
});

describe('light-provider-edges: by RPC', () => {
  const servers: FakeRpc[] = [];

  after(async () => {
    for (const server of servers) await server.stop();
  });

  async function providerOf(methods: Methods): Promise<RpcLightProvider> {
    const server = await FakeRpc.start(methods);
    servers.push(server);
    return new RpcLightProvider(server.url);
  }

  for (const count of [1, 99, 100, 101, 200]) {
    it(`reads ${count} validators page by page`, async () => {
      const chain = new LightChain({ heights: 1, members: () => members(count) });
      const provider = await providerOf(
        lightMethods(
          CHAIN_ID,
          () => 1,
          (height) => chain.block(height),
        ),
      );
      const { header, commit, validators } = await provider.lightBlock(undefined);
      assert.deepEqual(header, chain.block(1).header);
      assert.deepEqual(commit, chain.block(1).commit);
      assert.deepEqual(validators.hash(), chain.validators(1).hash());
    });
  }

  it('reads what a CometBFT node answered', async () => {
    const recorded = new RecordedChain();
    const commits = readLines('commits');
    const sets = readLines('validators');
    const provider = await providerOf({
      commit: ({ height }) => commits[Number(height) - 1],
      validators: ({ height }) => sets[Number(height) - 1],
    });
    for (const height of [1, 2, 34, 58, 90]) {
      const { header, commit, validators } = await provider.lightBlock(height);
      assert.deepEqual(header, recorded.blocks.get(height)?.block.header);
      assert.deepEqual(commit, recorded.commits.get(height)?.commit);
      assert.deepEqual(validators.hash(), header.validatorsHash);
    }
  });

  it('tells a height that is not there from a lie, and waits for one that is due', async () => {
    const chain = new LightChain({ heights: 20, members: () => members(2) });
    let head = 10;
    const methods = lightMethods(
      CHAIN_ID,
      () => head,
      (height) => chain.block(height),
    );
    const provider = await providerOf({
      ...methods,
      commit: (params) => {
        if (params.height === '1') throw new Error('height 1 is not available, lowest height is 5');
        if (params.height === '12') head++;
        return methods.commit?.(params);
      },
    });
    await assert.rejects(provider.lightBlock(20), { code: 'no_light_block' });
    await assert.rejects(provider.lightBlock(1), { code: 'no_light_block', message: /lowest height is 5/ });
    assert.equal((await provider.lightBlock(12)).header.height, 12);
  });

  it('calls an answer a lie that no light block can be read from', async () => {
    const chain = new LightChain({ heights: 2, members: () => members(3) });
    const methods = lightMethods(
      CHAIN_ID,
      () => 2,
      (height) => chain.block(height),
    );
    const page = methods.validators?.({ height: '1', page: '1', per_page: '100' }) as { validators: unknown[] };
    const lies: Methods[] = [
      { commit: () => ({}) },
      { commit: () => ({ signed_header: { header: 1, commit: 2 } }) },
      { validators: () => ({ ...page, total: '1000000' }) },
      { validators: () => ({ ...page, total: '300', validators: [] }) },
      { validators: () => ({ ...page, block_height: '2' }) },
      { validators: () => ({ ...page, validators: page.validators.toReversed() }) },
      { validators: () => ({ ...page, validators: [...page.validators, ...page.validators] }) },
      { validators: () => ({ ...page, total: '300' }) },
      { validators: () => ({ padding: 'x'.repeat(9_000_000) }) },
    ];
    for (const lie of lies) {
      const provider = await providerOf({ ...methods, ...lie });
      await assert.rejects(provider.lightBlock(1), { code: 'bad_light_block' });
    }
  });
});
