import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validatorAddress } from '#crypto/address.ts';
import { type Ed25519KeyPair, signEd25519 } from '#crypto/ed25519.ts';
import { commitJson, headerJson } from '#rpc/json.ts';
import { readKeyFile } from '#signer/key-file.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { ABSENT_COMMIT_SIG, type Commit, type CommitSig, commitSignBytes, FLAG_COMMIT } from '#types/commit.ts';
import { hashHeader } from '#types/header.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { skipBecause } from '../../support/skip.ts';
import { toHeader } from '../../vectors/comet-json.ts';
import { Devnet } from '../support/devnet.ts';
import { BUILD_TIMEOUT_MS, cometbftProgram, LightClient } from '../support/go-cometbft.ts';
import { appHashAt, blockHashAt, call, until, waitForHeight } from '../support/rpc.ts';

const TRUSTED_HEIGHT = 2;
const ATTACKED_HEIGHT = 8;
/** Three of four are enough to lie to a light client. */
const LIARS = [0, 1, 2];
const HONEST = 3;

type Json = Record<string, unknown>;

interface SignedHeaderAnswer {
  readonly signed_header: { readonly header: Json; readonly commit: Json };
}

/** A node's RPC, but for one header. */
class LyingNode {
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(rpc: string, height: number, lie: Json): Promise<LyingNode> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString()) as { id: unknown; method: string; params?: Json };
        const answer = async (): Promise<string> => {
          if (body.method === 'commit' && body.params?.height === String(height)) {
            return JSON.stringify({ jsonrpc: '2.0', id: body.id, result: { signed_header: lie, canonical: true } });
          }
          const headers = { 'content-type': 'application/json' };
          return (await fetch(rpc, { method: 'POST', headers, body: JSON.stringify(body) })).text();
        };
        answer().then(
          (text) => response.setHeader('content-type', 'application/json').end(text),
          () => response.destroy(),
        );
      });
    });
    // The client opens a WebSocket for events as well.
    server.on('upgrade', (request, socket) => {
      const { hostname, port } = new URL(rpc);
      const target = connect(Number(port), hostname);
      const fields = request.rawHeaders.flatMap((value, at) =>
        at % 2 === 0 ? [`${value}: ${request.rawHeaders[at + 1]}`] : [],
      );
      target.write(`${request.method} ${request.url} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`);
      target.on('error', () => socket.destroy());
      socket.on('error', () => target.destroy());
      target.pipe(socket).pipe(target);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LyingNode(server);
  }

  get rpc(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

describe("an attack on CometBFT's own light client", () => {
  let directory: string;
  let program: string;
  let net: Devnet;
  let liar: LyingNode | undefined;

  before(async function () {
    this.timeout(BUILD_TIMEOUT_MS + 180_000);
    const found = await cometbftProgram();
    if (found === undefined) skipBecause(this, 'neither cometbft 0.38.26 nor go is installed');
    program = found;
    directory = await mkdtemp(join(tmpdir(), 'bizra-attack-'));
    net = await Devnet.start('--validators', '4');
    await waitForHeight(net.node(HONEST).rpc, ATTACKED_HEIGHT + 2, 60_000);
  });

  after(async function () {
    this.timeout(60_000);
    await liar?.stop();
    await net?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  const keys = (): Promise<Ed25519KeyPair[]> =>
    Promise.all(
      LIARS.map((index) =>
        readKeyFile(new NodeFiles(), join(net.node(index).home, 'config', 'priv_validator_key.json')),
      ),
    );

  const addresses = async (): Promise<Uint8Array[]> =>
    (await keys()).map(({ publicKey }) => validatorAddress({ type: 'ed25519', bytes: publicKey }));

  /** The header of the attacked height with another state, signed by the liars. */
  const makeLie = async (): Promise<Json> => {
    const height = String(ATTACKED_HEIGHT);
    const { signed_header } = await call<SignedHeaderAnswer>(net.node(HONEST).rpc, 'commit', { height });
    const header = { ...toHeader(signed_header.header as never), appHash: new Uint8Array(32).fill(66) };
    const { validators } = await call<{ validators: { address: string }[] }>(net.node(HONEST).rpc, 'validators', {
      height,
    });
    const seats = await Promise.all(
      (await keys()).map(async (key) => ({
        key,
        address: toHex(validatorAddress({ type: 'ed25519', bytes: key.publicKey })).toUpperCase(),
      })),
    );
    const unsigned: Commit = {
      height: ATTACKED_HEIGHT,
      round: 0,
      blockId: { hash: hashHeader(header), partSetHeader: { total: 1, hash: new Uint8Array(32).fill(7) } },
      signatures: validators.map(({ address }): CommitSig => {
        const seat = seats.find((one) => one.address === address);
        if (seat === undefined) return ABSENT_COMMIT_SIG;
        const validator = validatorAddress({ type: 'ed25519', bytes: seat.key.publicKey });
        return {
          flag: FLAG_COMMIT,
          validatorAddress: validator,
          timestamp: header.time,
          signature: new Uint8Array(64),
        };
      }),
    };
    const signatures = unsigned.signatures.map((sig, index) => {
      const seat = seats.find(({ address }) => address === toHex(sig.validatorAddress).toUpperCase());
      if (seat === undefined) return sig;
      return {
        ...sig,
        signature: signEd25519(seat.key.privateKey, commitSignBytes(net.ready.chain_id, unsigned, index)),
      };
    });
    return { header: headerJson(header), commit: commitJson({ ...unsigned, signatures }) };
  };

  const startLight = async (name: string, primary: string, sequential: boolean): Promise<LightClient> =>
    LightClient.start({
      program,
      home: join(directory, name),
      chainId: net.ready.chain_id,
      primary,
      witnesses: [net.node(HONEST).rpc],
      trustedHeight: TRUSTED_HEIGHT,
      trustedHash: await blockHashAt(net.node(HONEST).rpc, TRUSTED_HEIGHT),
      sequential,
    });

  const headOf = async (): Promise<number> => {
    const { sync_info } = await call<{ sync_info: { latest_block_height: string } }>(net.node(HONEST).rpc, 'status');
    return Number(sync_info.latest_block_height);
  };

  const evidenceAt = async (index: number, height: number): Promise<readonly Json[]> => {
    const { block } = await call<{ block: { evidence: { evidence: readonly Json[] } } }>(net.node(index).rpc, 'block', {
      height: String(height),
    });
    return block.evidence.evidence;
  };

  let punishedAt = 0;

  it('is found by the client, told to its witness, and convicts the liars', async function () {
    this.timeout(150_000);
    liar = await LyingNode.start(net.node(0).rpc, ATTACKED_HEIGHT, await makeLie());
    const light = await startLight('attacked', liar.rpc, false);
    try {
      await assert.rejects(call(light.rpc, 'commit', { height: String(ATTACKED_HEIGHT) }));
    } finally {
      await light.stop();
    }
    await until('the evidence is in a block', async () => {
      for (let height = ATTACKED_HEIGHT; height <= (await headOf()); height++) {
        if ((await evidenceAt(HONEST, height)).length > 0) punishedAt = height;
      }
      return punishedAt > 0;
    });
    const [evidence] = (await evidenceAt(HONEST, punishedAt)) as [{ type: string; value: Json }];
    assert.equal(evidence.type, 'tendermint/LightClientAttackEvidence');
    const accused = (evidence.value.ByzantineValidators as { address: string }[]).map(({ address }) => address);
    assert.deepEqual(new Set(accused), new Set((await addresses()).map((address) => toHex(address).toUpperCase())));
    await waitForHeight(net.node(HONEST).rpc, punishedAt + 4);
    const { validators } = await call<{ validators: { address: string }[] }>(net.node(HONEST).rpc, 'validators', {
      height: String(punishedAt + 2),
    });
    assert.equal(validators.length, 1);
    const guilty = await addresses();
    assert.ok(validators.every(({ address }) => !guilty.some((one) => equalBytes(one, Buffer.from(address, 'hex')))));
    const hashes = await Promise.all([0, 1, 2, 3].map((index) => appHashAt(net.node(index).rpc, punishedAt + 1)));
    assert.equal(new Set(hashes).size, 1);
  });

  for (const sequential of [true, false]) {
    it(`a light client follows over the change of validators, ${sequential ? 'sequentially' : 'by skipping'}`, async function () {
      this.timeout(150_000);
      assert.ok(punishedAt > 0);
      const light = await startLight(sequential ? 'sequential' : 'skipping', net.node(0).rpc, sequential);
      try {
        for (const height of [punishedAt, punishedAt + 1, punishedAt + 2, punishedAt + 3]) {
          const params = { height: String(height) };
          const { signed_header } = await call<SignedHeaderAnswer>(light.rpc, 'commit', params);
          const own = await call<SignedHeaderAnswer>(net.node(HONEST).rpc, 'commit', params);
          assert.deepEqual(signed_header.header, own.signed_header.header);
          const set = await call<{ total: string }>(light.rpc, 'validators', params);
          assert.equal(set.total, height < punishedAt + 2 ? '4' : '1');
        }
      } finally {
        await light.stop();
      }
    });
  }
});
