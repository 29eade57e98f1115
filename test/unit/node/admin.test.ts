import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callAdmin } from '#cli/admin-client.ts';
import { type AdminHandler, AdminServer } from '#node/admin.ts';
import { ADMIN_REQUEST_BYTES_MAX, LineReader } from '#node/admin-socket.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { BizraError } from '#util/errors.ts';
import { skipBecause } from '../../support/skip.ts';

describe('admin socket', () => {
  let root: string;
  let home: string;
  let data: string;
  let log: string[];
  let admin: AdminServer;

  const makeServer = (): AdminServer => {
    const parts = { sink: (line: string) => void log.push(line), timestamp: () => '' };
    const logger = createLogger(parts, { format: 'text', levels: parseLogLevels('info') }, 'node');
    return new AdminServer({ dataDirectory: data, logger });
  };

  const serve = async (handlers: Record<string, AdminHandler>): Promise<void> => {
    for (const [command, handler] of Object.entries(handlers)) admin.handle(command, handler);
    await admin.start();
  };

  const connected = async (): Promise<Socket> => {
    const socket = connect(join(data, 'admin.sock'));
    await once(socket, 'connect');
    return socket;
  };

  /** All that comes until the other side ends the connection. */
  const heard = async (socket: Socket): Promise<string> => {
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    await once(socket, 'close');
    return text;
  };

  const useHome = (path: string): void => {
    home = path;
    data = join(home, 'data');
    mkdirSync(data, { recursive: true });
    log = [];
    admin = makeServer();
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'admin-'));
    useHome(join(root, 'home'));
  });

  afterEach(async () => {
    await admin.stop();
    rmSync(root, { recursive: true });
  });

  it('takes arguments, tells progress, answers', async () => {
    await serve({
      add: async ({ a, b }, progress) => {
        progress({ done: 1 });
        progress({ done: 2 });
        return { sum: Number(a) + Number(b) };
      },
      nothing: async () => undefined,
    });
    const told: unknown[] = [];
    deepEqual(await callAdmin(home, 'add', { a: 2, b: 3 }, (progress) => told.push(progress)), { sum: 5 });
    deepEqual(told, [{ done: 1 }, { done: 2 }]);
    equal(await callAdmin(home, 'nothing', {}), null);
  });

  it('is for the owner alone, and gone after a stop', async () => {
    await serve({});
    equal(statSync(join(data, 'admin.sock')).mode & 0o777, 0o600);
    await admin.stop();
    equal(existsSync(join(data, 'admin.sock')), false);
  });

  it('answers errors in one line, with their codes', async () => {
    await serve({
      refuse: async () => {
        throw new BizraError('too_old', 'the height is\n  too old');
      },
      fail: async () => {
        throw new TypeError('x is not a function');
      },
    });
    await rejects(callAdmin(home, 'refuse', {}), { code: 'too_old', message: 'the height is too old' });
    await rejects(callAdmin(home, 'fail', {}), { code: 'internal', message: 'x is not a function' });
    await rejects(callAdmin(home, 'dance', {}), {
      code: 'admin_unknown_command',
      message: /"dance", only refuse, fail/,
    });
    equal(log.filter((line) => line.includes('an admin command failed')).length, 1);
  });

  it('refuses what is no request', async () => {
    await serve({ x: async () => 1 });
    for (const line of ['', 'hello', '1', 'null', '[]', '{}', '{"command":1}', '{"command":"x","args":[]}']) {
      const socket = await connected();
      socket.write(`${line}\n`);
      match(await heard(socket), /^{"error":{"code":"admin_bad_request",.*}}\n$/);
    }
  });

  it('reads no more of a line than its limit', async () => {
    await serve({});
    const socket = await connected();
    socket.write(new Uint8Array(ADMIN_REQUEST_BYTES_MAX + 1).fill(0x20));
    match(await heard(socket), /admin_line_too_long/);
  });

  it('has room for some clients, and then for others', async () => {
    const held = Promise.withResolvers<number>();
    await serve({ wait: () => held.promise });
    const waiting = Array.from({ length: 8 }, () => callAdmin(home, 'wait', {}));
    while (log.filter((line) => line.includes('admin command')).length < 8) await new Promise(setImmediate);
    await rejects(callAdmin(home, 'wait', {}), { code: 'admin_busy' });
    held.resolve(7);
    deepEqual(await Promise.all(waiting), Array(8).fill(7));
    equal(await callAdmin(home, 'wait', {}), 7);
  });

  it('tells a handler that its client went away', async () => {
    const begun = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    await serve({
      wait: async (_args, _progress, signal) => {
        begun.resolve();
        await once(signal, 'abort');
        gone.resolve();
      },
    });
    const socket = await connected();
    socket.write('{"command":"wait"}\n');
    await begun.promise;
    socket.destroy();
    await gone.promise;
  });

  it('ends handlers before it has stopped, idle clients too', async () => {
    let ended = false;
    const begun = Promise.withResolvers<void>();
    await serve({
      wait: async (_args, _progress, signal) => {
        begun.resolve();
        await once(signal, 'abort');
        await new Promise(setImmediate);
        ended = true;
        throw new BizraError('stopped', 'the node stops');
      },
    });
    const idle = await connected();
    const idleClosed = once(idle, 'close');
    const asked = rejects(callAdmin(home, 'wait', {}), { code: 'stopped' });
    await begun.promise;
    await admin.stop();
    equal(ended, true);
    await asked;
    await idleClosed;
  });

  it('takes the place of a killed daemon`s socket', async () => {
    const killed = createServer();
    await once(killed.listen(join(data, 'killed.sock')), 'listening');
    // As a kill leaves it: the name stays, nobody listens.
    renameSync(join(data, 'killed.sock'), join(data, 'admin.sock'));
    killed.close();
    await once(killed, 'close');
    equal(statSync(join(data, 'admin.sock')).isSocket(), true);
    equal(await callAdmin(home, 'x', {}), undefined);
    await serve({ x: async () => 'new' });
    equal(await callAdmin(home, 'x', {}), 'new');
  });

  it('leaves a file that has its name alone, and the node runs without it', async () => {
    writeFileSync(join(data, 'admin.sock'), 'mine');
    await serve({ x: async () => 1 });
    match(log.join('\n'), /no admin socket.*is no socket: move it away/);
    equal(await callAdmin(home, 'x', {}), undefined);
    equal(existsSync(join(data, 'admin.sock')), true);
  });

  it('serves a home whose path is longer than a socket`s may be', async function () {
    if (process.platform !== 'linux') skipBecause(this, 'only Linux reaches a directory by an open file');
    useHome(join(root, 'x'.repeat(120), 'y'.repeat(120)));
    await serve({ x: async () => 'far away' });
    equal(await callAdmin(home, 'x', {}), 'far away');
    equal(statSync(join(data, 'admin.sock')).mode & 0o777, 0o600);
    await admin.stop();
    equal(existsSync(join(data, 'admin.sock')), false);
  });

  it('is absent where no daemon runs', async () => {
    equal(await callAdmin(home, 'x', {}), undefined);
    equal(await callAdmin(join(root, 'nowhere'), 'x', {}), undefined);
  });

  it('says so when the daemon dies before it answers', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    await once(server.listen(join(data, 'admin.sock')), 'listening');
    await rejects(callAdmin(home, 'x', {}), { code: 'unreachable', message: /ended before it answered/ });
    server.close();
  });

  it('names a home of somebody else', async function () {
    if (process.getuid?.() === 0) skipBecause(this, 'root may connect to everything');
    await serve({});
    chmodSync(join(data, 'admin.sock'), 0);
    await rejects(callAdmin(home, 'x', {}), { message: /permission denied; run as the owner/ });
  });
});

describe('lines of the admin socket', () => {
  it('come whole, however they are cut', () => {
    const text = new TextEncoder().encode('{"a":"é"}\n\n{"b":2}\nrest');
    for (let size = 1; size <= text.length; size++) {
      const reader = new LineReader(20);
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size) lines.push(...reader.push(text.slice(at, at + size)));
      deepEqual(lines, ['{"a":"é"}', '', '{"b":2}']);
    }
  });

  it('have a limit', () => {
    const reader = new LineReader(4);
    deepEqual(reader.push(new TextEncoder().encode('abcd\nabc')), ['abcd']);
    reader.push(new TextEncoder().encode('d'));
    let code: unknown;
    try {
      reader.push(new TextEncoder().encode('e'));
    } catch (error) {
      code = (error as BizraError).code;
    }
    equal(code, 'admin_line_too_long');
  });
});
