import { lstat, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '#telemetry/logger.ts';
import { assert } from '#util/assert.ts';
import { BizraError } from '#util/errors.ts';
import { ADMIN_REQUEST_BYTES_MAX, LineReader, openSocketPath, type SocketPath } from './admin-socket.ts';

/** An operator and some scripts. */
const CLIENTS_MAX = 8;
/** Milliseconds in which a request must come, and in which an answer must be taken. */
const IDLE_MS = 10_000;
/** Bytes that may wait for a client: progress beyond that is left out. */
const UNREAD_BYTES_MAX = 64 * 1024;
/** Only the owner connects. */
const OTHERS_MASK = 0o177;

export type AdminArgs = Readonly<Record<string, unknown>>;
export type ReportProgress = (progress: Readonly<Record<string, unknown>>) => void;
/**
 * Answers one request; what it resolves to is told as JSON. `signal` aborts when the client is gone or the node stops:
 * the handler then ends soon, because the node waits for it before it closes the database.
 */
export type AdminHandler = (args: AdminArgs, progress: ReportProgress, signal: AbortSignal) => Promise<unknown>;

export interface AdminComponents {
  readonly dataDirectory: string;
  readonly logger: Logger;
}

/**
 * The daemon's door for commands on the same machine: the database belongs to one process, so they ask it. A Unix
 * socket in the data directory; JSON, one object a line: a request `{command, args}`, then `{progress}` any number of
 * times, then `{result}` or `{error: {code, message}}`.
 */
export class AdminServer {
  private readonly components: AdminComponents;
  private readonly handlers = new Map<string, AdminHandler>();
  private readonly clients = new Set<Socket>();
  private readonly jobs = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private server: Server | undefined;
  private socketPath: SocketPath | undefined;

  constructor(components: AdminComponents) {
    this.components = components;
  }

  handle(command: string, handler: AdminHandler): void {
    assert(!this.handlers.has(command), `the admin command ${command} has one handler`);
    this.handlers.set(command, handler);
  }

  /**
   * Listens. The caller has the database open, so a socket that is there is one of a process that is no more. Where it
   * cannot be made the node runs without it.
   */
  async start(): Promise<void> {
    try {
      this.socketPath = await openSocketPath(this.components.dataDirectory);
      await removeSocket(this.socketPath.path);
      this.server = await this.listen(this.socketPath.path);
    } catch (error) {
      this.components.logger.warn('no admin socket: commands that need this node will not reach it', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** Ends what is under way and removes the socket. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const closed = new Promise<void>((resolve) => {
      if (this.server === undefined) resolve();
      else this.server.close(() => resolve());
    });
    await Promise.all(this.jobs);
    // Answers are with the system by now, unless nobody takes them.
    for (const client of this.clients) client.destroy();
    await closed;
    await this.socketPath?.release();
  }

  private listen(path: string): Promise<Server> {
    const server = createServer((socket) => this.serve(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // The socket is made within the call: at no moment may others connect.
      const mask = process.umask(OTHERS_MASK);
      try {
        server.listen(path, () => resolve(server));
      } finally {
        process.umask(mask);
      }
    });
  }

  private get unanswered(): number {
    return [...this.clients].filter((client) => !client.writableEnded).length;
  }

  private serve(socket: Socket): void {
    // Errors of a client that went away have nobody left to be told to.
    socket.on('error', () => {});
    this.clients.add(socket);
    const gone = new AbortController();
    socket.on('close', () => {
      this.clients.delete(socket);
      gone.abort();
    });
    if (this.unanswered > CLIENTS_MAX || this.stopping.signal.aborted) {
      answer(socket, { error: errorFields(new BizraError('admin_busy', 'the node is busy: try again in a moment')) });
      return;
    }
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    const reader = new LineReader(ADMIN_REQUEST_BYTES_MAX);
    let asked = false;
    socket.on('data', (chunk: Uint8Array) => {
      if (asked) return;
      try {
        const [line] = reader.push(chunk);
        if (line === undefined) return;
        asked = true;
        this.begin(socket, line, AbortSignal.any([gone.signal, this.stopping.signal]));
      } catch (error) {
        asked = true;
        answer(socket, { error: errorFields(error) });
      }
    });
  }

  private begin(socket: Socket, line: string, signal: AbortSignal): void {
    const { command, args } = parseRequest(line);
    const handler = this.handlers.get(command);
    if (handler === undefined) {
      const known = [...this.handlers.keys()].join(', ');
      throw new BizraError(
        'admin_unknown_command',
        `the running node does not know ${JSON.stringify(command.slice(0, 40))}, only ${known}: it may be of another version`,
      );
    }
    socket.setTimeout(0);
    const job = this.run(socket, command, () => handler(args, (progress) => report(socket, progress), signal));
    this.jobs.add(job);
    void job.finally(() => this.jobs.delete(job));
  }

  private async run(socket: Socket, command: string, work: () => Promise<unknown>): Promise<void> {
    const { logger } = this.components;
    logger.info('admin command', { command });
    try {
      answer(socket, { result: (await work()) ?? null });
    } catch (error) {
      if (!(error instanceof BizraError)) {
        logger.error('an admin command failed', {
          command,
          reason: error instanceof Error ? error : String(error),
        });
      }
      answer(socket, { error: errorFields(error) });
    }
  }
}

/** Throws BizraError 'admin_bad_request'. */
function parseRequest(line: string): { command: string; args: AdminArgs } {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    throw new BizraError('admin_bad_request', 'the request is not JSON: expected {"command": ..., "args": {...}}');
  }
  const { command, args = {} } = isRecord(request) ? request : {};
  if (typeof command !== 'string' || !isRecord(args))
    throw new BizraError('admin_bad_request', 'expected a line {"command": ..., "args": {...}}');
  return { command, args };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function report(socket: Socket, progress: Readonly<Record<string, unknown>>): void {
  if (socket.writable && socket.writableLength < UNREAD_BYTES_MAX) socket.write(`${JSON.stringify({ progress })}\n`);
}

function answer(socket: Socket, value: Readonly<Record<string, unknown>>): void {
  if (socket.destroyed) return;
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.end(`${JSON.stringify(value)}\n`);
  // What else the client says is of no interest, but must be read for the connection to end.
  socket.resume();
}

function errorFields(error: unknown): { code: string; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof BizraError ? error.code : 'internal';
  return { code, message: message.replace(/\s*\n\s*/g, ' ').trim() };
}

/** Removes the socket of an earlier process. Anything else of its name is somebody's, and stays. */
async function removeSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new BizraError('admin_path_taken', `${path} is no socket: move it away`);
  await rm(path, { force: true });
}
