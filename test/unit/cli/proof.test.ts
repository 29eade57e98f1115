import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatGenesis } from '#types/genesis.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { genesisOf } from '../../support/light-genesis.ts';
import { CHAIN_ID, digest, LightChain, members } from '../light/support.ts';
import { ModelledState, type Write } from '../state/support.ts';
import { FakeRpc, lightMethods, type Methods, type Params, run } from './fake-rpc.ts';

/** The paper chain's time is years ago. */
const LONG = ['--trusting-period', '100000'];
const EXISTS = Uint8Array.of(2, 4);
const ABSENT = Uint8Array.of(2, 5);

describe('command line: query proof --verify', () => {
  let chain: LightChain;
  let state: ModelledState;
  let directory = '';
  const servers: FakeRpc[] = [];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-proof-'));
    state = await ModelledState.start(
      Array.from({ length: 9 }, (_, i): Write => ['bank', Uint8Array.of(2, 2 * i), Uint8Array.of(i + 1)]),
    );
    const hashes = [state.state.appHash];
    for (const value of [10, 20, 30]) {
      await state.block([['bank', EXISTS, Uint8Array.of(value)]]);
      hashes.push(state.state.appHash);
    }
    // The state after height H is in header H + 1.
    const change = ({ height }: { height: number }) => ({ appHash: hashes[height - 1] ?? digest('later') });
    chain = new LightChain({ heights: 4, members: () => members(4), change });
  });

  after(async () => {
    for (const server of servers) await server.stop();
    await rm(directory, { recursive: true });
  });

  async function query(params: Params): Promise<unknown> {
    const height = Number(params.height) || 3;
    const store = params.path?.split('/')[2] ?? '';
    const { value, ops } = await state.state.prove(store, fromHex(params.data ?? ''), height);
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    return {
      response: {
        code: 0,
        log: '',
        height: String(height),
        value: value === undefined ? null : base64(value),
        proofOps: { ops: ops.map(({ type, key, data }) => ({ type, key: base64(key), data: base64(data) })) },
      },
    };
  }

  async function serve(of: LightChain = chain, lies: Methods = {}): Promise<FakeRpc> {
    const methods = {
      ...lightMethods(
        CHAIN_ID,
        () => 4,
        (height) => of.block(height),
      ),
      abci_query: query,
      ...lies,
    };
    const server = await FakeRpc.start(methods);
    servers.push(server);
    return server;
  }

  /** In a home without a genesis file, unless another is given. */
  const proof = (server: FakeRpc, keys: readonly Uint8Array[], ...flags: string[]) =>
    run(['query', 'proof', 'bank', ...keys.map(toHex), '--verify', '--node', server.url, ...LONG, ...flags], {
      BIZRA_HOME: join(directory, 'nowhere'),
    });

  const trusted = (): string[] => ['--trusted-height', '1', '--trusted-hash', toHex(chain.hash(1))];

  it('leads from the value over the header to validators who follow from a trusted header', async () => {
    const { code, out, errors } = await proof(await serve(), [EXISTS], ...trusted());
    assert.deepEqual([code, errors], [0, []]);
    const text = out.join('\n');
    assert.match(text, /^value +1e$/m);
    assert.match(text, /^proof +leads to the app hash of header 4$/m);
    assert.match(text, /^header +signed by power 40 of 40; validators follow from header 1, as you named it$/m);
  });

  it('answers several keys at one height, existing and absent', async () => {
    const { code, out } = await proof(await serve(), [EXISTS, ABSENT], ...trusted(), '--height', '2', '--json');
    assert.equal(code, 0);
    const [first, second] = out.map((line) => JSON.parse(line));
    assert.deepEqual([first.value, first.height, first.verified, first.trust], ['14', 2, true, 'header']);
    assert.deepEqual([second.value, second.height, second.header.height], [null, 2, 3]);
  });

  it('without anything that is trusted, says so', async () => {
    const { code, out } = await proof(await serve(), [ABSENT]);
    assert.equal(code, 0);
    assert.match(out.join('\n'), /^header +signed by power 40 of 40; WHO the validators are is only the node's word/m);
    const json = await proof(await serve(), [ABSENT], '--json');
    assert.equal(JSON.parse(json.out[0] ?? '').trust, 'none');
  });

  it("trusts a genesis file, or the home's own", async () => {
    const home = join(directory, 'home');
    await mkdir(join(home, 'config'), { recursive: true });
    const path = join(home, 'config', 'genesis.json');
    const genesis = genesisOf(chain);
    await writeFile(path, formatGenesis(genesis));
    for (const flags of [
      ['--genesis', path],
      ['--home', home],
    ]) {
      const { code, out } = await proof(await serve(), [EXISTS], ...flags);
      assert.equal(code, 0);
      assert.match(out.join('\n'), /validators follow from the genesis file/);
    }
    // Too old for its validators to have anything to lose: named, it is refused; found in a home, it does not count.
    const short = ['--trusting-period', '1'];
    const named = await proof(await serve(), [EXISTS], '--genesis', path, ...short);
    assert.match(named.errors[0] ?? '', /older than the trusting period/);
    const found = await proof(await serve(), [EXISTS], '--home', home, ...short);
    assert.match(found.out.join('\n'), /WHO the validators are is only the node's word/);
    // A node whose first validators are others is not on this chain.
    const other = await serve(new LightChain({ ...chain.plan, members: () => members(4, 9) }));
    assert.equal((await proof(other, [EXISTS], '--home', home)).code, 1);
  });

  describe('a node that lies is found out, in one line', () => {
    const lie = (change: (answer: Answer) => unknown): Methods => ({
      abci_query: async (params) => change((await query(params)) as Answer),
    });
    const base64 = (...bytes: number[]): string => Buffer.from(bytes).toString('base64');

    interface Answer {
      readonly response: Record<string, unknown> & { readonly proofOps: { readonly ops: readonly object[] } };
    }

    const refused = async (server: FakeRpc, keys: readonly Uint8Array[], pattern: RegExp): Promise<void> => {
      const { code, out, errors } = await proof(server, keys, ...trusted());
      assert.deepEqual([code, out, errors.length], [1, [], 1]);
      assert.match(errors[0] ?? '', pattern);
    };

    it('about the value', async () => {
      const server = await serve(
        chain,
        lie(({ response }) => ({ response: { ...response, value: base64(99) } })),
      );
      await refused(server, [EXISTS], /the proof is not valid: it must hold that it is about the value/);
    });

    it('about absence', async () => {
      const server = await serve(
        chain,
        lie(({ response }) => ({ response: { ...response, value: null } })),
      );
      await refused(server, [EXISTS], /it must hold that it shows absence/);
      const present = await serve(
        chain,
        lie(({ response }) => ({ response: { ...response, value: base64(1) } })),
      );
      await refused(present, [ABSENT], /it must hold that it shows existence/);
    });

    it('about the height', async () => {
      const stale = await serve(chain, { abci_query: (params) => query({ ...params, height: '1' }) });
      // Value and proof of height 1 under the name of height 3.
      const server = await serve(chain, {
        abci_query: async (params) => {
          const answer = (await query({ ...params, height: '1' })) as Answer;
          return { response: { ...answer.response, height: '3' } };
        },
      });
      await refused(server, [EXISTS], /it must hold that it leads to the app hash/);
      const { errors } = await proof(stale, [EXISTS], ...trusted(), '--height', '2');
      assert.match(errors[0] ?? '', /answers with height 1 where 2 was asked for/);
    });

    it('about one of several keys', async () => {
      const server = await serve(
        chain,
        lie(({ response }) => ({
          response: { ...response, value: response.value === null ? base64(7) : response.value },
        })),
      );
      await refused(server, [EXISTS, ABSENT], /shows existence/);
    });

    it('about the state: an app hash of its own, in a header that its own validators sign', async () => {
      const forged = await ModelledState.start([['bank', EXISTS, Uint8Array.of(99)]]);
      const { value, ops } = await forged.state.prove('bank', EXISTS);
      const encoded = ops.map(({ type, key, data }) => ({ type, key: base64(...key), data: base64(...data) }));
      const lies: Methods = {
        abci_query: () => ({
          response: { code: 0, log: '', height: '3', value: base64(...(value ?? [])), proofOps: { ops: encoded } },
        }),
      };
      const change = () => ({ appHash: forged.state.appHash });
      const strangers = chain.fork(4, { members: () => members(4, 70), change });
      await refused(await serve(strangers, lies), [EXISTS], /too few|validators of height 4/);
      // Where nothing is trusted, this is what cannot be seen, and what the answer says.
      const { code, out } = await proof(await serve(strangers, lies), [EXISTS]);
      assert.equal(code, 0);
      assert.match(out.join('\n'), /WHO the validators are is only the node's word/);
      // A header that the validators have signed, with another app hash put in.
      const signed = await serve(chain, {
        ...lies,
        commit: (params) => {
          const answer = lightMethods(
            CHAIN_ID,
            () => 4,
            (height) => chain.block(height),
          ).commit?.(params) as {
            signed_header: { header: object };
          };
          const header = { ...answer.signed_header.header, app_hash: toHex(forged.state.appHash).toUpperCase() };
          return params.height === '4' ? { signed_header: { ...answer.signed_header, header } } : answer;
        },
      });
      await refused(signed, [EXISTS], /is for another header/);
    });
  });
});
