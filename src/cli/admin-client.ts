import { connect, type Socket } from 'node:net';
import { homePaths } from '#config/home.ts';
import { ADMIN_ANSWER_BYTES_MAX, LineReader, openSocketPath } from '#node/admin-socket.ts';
import { BizraError } from '#util/errors.ts';
import { type CliErrorCode, failure } from './errors.ts';

type Fields = Readonly<Record<string, unknown>>;
export type OnProgress = (progress: Fields) => void;

/** What the system says where no process listens: no file, one that a killed daemon left, or one that is no socket. */
const NOBODY: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK']);

/**
 * Asks the daemon that runs on this home. Resolves to its result (null for none), or to undefined when no daemon runs
 * there: the database can be opened then. Throws the daemon's error, by its code; 'unreachable' when it ends meanwhile.
 */
export async function callAdmin(
  home: string,
  command: string,
  args: Fields,
  onProgress: OnProgress = () => {},
): Promise<unknown> {
  const { dataDirectory } = homePaths(home);
  const socket = await connectTo(dataDirectory);
  if (socket === undefined) return undefined;
  try {
    return await ask(socket, JSON.stringify({ command, args }), onProgress);
  } finally {
    socket.destroy();
  }
}

async function connectTo(dataDirectory: string): Promise<Socket | undefined> {
  try {
    const { path, release } = await openSocketPath(dataDirectory);
    try {
      return await new Promise((resolve, reject) => {
        const socket = connect(path, () => resolve(socket));
        socket.once('error', reject);
      });
    } finally {
      await release();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (NOBODY.has(code) || code === 'admin_path_too_long') return undefined;
    if (code === 'EACCES' || code === 'EPERM')
      throw failure(`${dataDirectory}: permission denied; run as the owner of the home`, { cause: error });
    throw error;
  }
}

function ask(socket: Socket, request: string, onProgress: OnProgress): Promise<unknown> {
  const reader = new LineReader(ADMIN_ANSWER_BYTES_MAX);
  return new Promise((resolve, reject) => {
    socket.on('error', (error) => reject(unanswered(error)));
    socket.on('close', () => reject(unanswered(undefined)));
    socket.on('data', (chunk: Uint8Array) => {
      try {
        for (const line of reader.push(chunk)) {
          const { progress, result, error } = JSON.parse(line) as {
            progress?: Fields;
            result?: unknown;
            error?: Fields;
          };
          if (error !== undefined) throw new BizraError(String(error.code), String(error.message));
          if (progress !== undefined) onProgress(progress);
          else resolve(result ?? null);
        }
      } catch (error) {
        reject(error);
      }
    });
    socket.write(`${request}\n`);
  });
}

function unanswered(cause: unknown): BizraError<CliErrorCode> {
  return new BizraError('unreachable', 'the node ended before it answered; see its log, then try again', { cause });
}
