import assert from 'node:assert/strict';
import { RequestChannel, type RequestLimits } from '#network/libp2p/request-channel.ts';
import { bytesOf } from '../support/samples.ts';

const LIMITS: RequestLimits = { maxOutgoing: 3, maxIncoming: 3, maxBytes: 1_000 };
type Answer = (bytes: Uint8Array) => Promise<Uint8Array>;

/** Two channels, wired to each other. `frames` sees what each side sends. */
function pair(answer: Answer, limits = LIMITS) {
  const state = { full: false };
  const toServer = (frame: Uint8Array): boolean => {
    if (state.full) return false;
    server.onFrame(frame);
    return true;
  };
  const client: RequestChannel = new RequestChannel(
    { send: toServer, answer: () => Promise.reject(new Error('no')) },
    limits,
  );
  const server: RequestChannel = new RequestChannel(
    {
      send: (frame) => {
        client.onFrame(frame);
        return true;
      },
      answer,
    },
    limits,
  );
  return { client, server, state };
}

describe('request channel', () => {
  it('gives each request its own answer, in any order', async () => {
    const release: (() => void)[] = [];
    const { client } = pair(async (bytes) => {
      await new Promise<void>((resolve) => void release.push(resolve));
      return bytes;
    });
    const answers = [1, 2, 3].map((value) => client.request(Uint8Array.of(value), 1_000));
    await Promise.resolve();
    for (const resolve of release.reverse()) resolve();
    assert.deepEqual(
      (await Promise.all(answers)).map((bytes) => bytes[0]),
      [1, 2, 3],
    );
  });

  it('bounds the requests in flight at both ends', async () => {
    const { client } = pair(() => new Promise(() => undefined));
    const waiting = [1, 2, 3].map((value) => client.request(Uint8Array.of(value), 60_000));
    await assert.rejects(client.request(Uint8Array.of(4), 1_000), { code: 'overloaded' });
    client.close();
    for (const request of waiting) await assert.rejects(request, { code: 'disconnected' });

    const patient = pair(() => new Promise(() => undefined), { ...LIMITS, maxOutgoing: 10 });
    const more = [1, 2, 3, 4].map((value) => patient.client.request(Uint8Array.of(value), 60_000));
    await assert.rejects(more[3] as Promise<unknown>, { code: 'peer_error', message: /too many/ });
    patient.client.close();
    await Promise.allSettled(more);
  });

  it('a rejecting or throwing handler becomes an error at the asking side', async () => {
    const rejecting = pair(() => Promise.reject(new Error('no such block')));
    await assert.rejects(rejecting.client.request(Uint8Array.of(1), 1_000), { code: 'peer_error', message: /no such/ });
    const throwing = pair(() => {
      throw new TypeError('broken');
    });
    await assert.rejects(throwing.client.request(Uint8Array.of(1), 1_000), { code: 'peer_error', message: /broken/ });
  });

  it('times out, and ignores the answer that comes later', async () => {
    const { promise, resolve: answer } = Promise.withResolvers<Uint8Array>();
    const { client } = pair(() => promise);
    await assert.rejects(client.request(Uint8Array.of(1), 1), { code: 'timeout' });
    answer(Uint8Array.of(1));
    await Promise.resolve();
  });

  it('refuses what is too large before it is sent, and answers that are', async () => {
    const { client } = pair(async () => bytesOf(1_001, 1));
    await assert.rejects(client.request(bytesOf(1_001, 1), 1_000), { code: 'too_large' });
    await assert.rejects(client.request(bytesOf(1_000, 1), 1_000), { code: 'peer_error', message: /too large/ });
  });

  it('a full queue rejects at once', async () => {
    const { client, state } = pair(async (bytes) => bytes);
    state.full = true;
    await assert.rejects(client.request(Uint8Array.of(1), 1_000), { code: 'overloaded' });
  });

  it('after close nothing is asked and nothing is answered', async () => {
    const { client, server } = pair(async (bytes) => bytes);
    const asked = client.request(Uint8Array.of(1), 50);
    server.close();
    await assert.rejects(asked, { code: 'timeout' });
    client.close();
    await assert.rejects(client.request(Uint8Array.of(1), 50), { code: 'disconnected' });
  });

  it('refuses frames that are cut or of an unknown kind', () => {
    const { client } = pair(async (bytes) => bytes);
    assert.throws(() => client.onFrame(Uint8Array.of(0, 0, 0, 0)), { code: 'malformed' });
    assert.throws(() => client.onFrame(Uint8Array.of(3, 0, 0, 0, 0)), { code: 'malformed' });
  });
});
