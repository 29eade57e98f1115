import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { BizraError } from '#util/errors.ts';

/** In the data directory, which only its owner enters. */
const SOCKET_NAME = 'admin.sock';
/** Bytes of a socket's path: macOS has room for 104 with the final zero, Linux for 108. */
const PATH_BYTES_MAX = 103;
/** A request is a few paths and numbers. */
export const ADMIN_REQUEST_BYTES_MAX = 64 * 1024;
/** An answer may list things. */
export const ADMIN_ANSWER_BYTES_MAX = 16 * 1024 * 1024;

const NEW_LINE = 10;

/** A path under which the socket of a data directory can be made and reached until `release`. */
export interface SocketPath {
  readonly path: string;
  release(): Promise<void>;
}

/**
 * Homes may lie deeper than a socket's path can be long: Linux reaches the directory by an open file then. Throws
 * BizraError 'admin_path_too_long' on other systems, and the system's own error where there is no such directory.
 */
export async function openSocketPath(dataDirectory: string): Promise<SocketPath> {
  const path = join(dataDirectory, SOCKET_NAME);
  const bytes = Buffer.byteLength(path);
  if (bytes <= PATH_BYTES_MAX) return { path, release: async () => undefined };
  if (process.platform !== 'linux') {
    throw new BizraError(
      'admin_path_too_long',
      `the path ${path} has ${bytes} bytes, a socket's may have ${PATH_BYTES_MAX}: use a shorter home`,
    );
  }
  const directory: FileHandle = await open(dataDirectory, 'r');
  return { path: `/proc/self/fd/${directory.fd}/${SOCKET_NAME}`, release: () => directory.close() };
}

/** Cuts what comes over a socket into lines of at most `maxBytes`. */
export class LineReader {
  private readonly maxBytes: number;
  private chunks: Uint8Array[] = [];
  private bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Lines that are complete now. Throws BizraError 'admin_line_too_long'. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEW_LINE); end >= 0; end = chunk.indexOf(NEW_LINE, from)) {
      this.keep(chunk.subarray(from, end));
      lines.push(Buffer.concat(this.chunks).toString('utf8'));
      this.chunks = [];
      this.bytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) this.keep(chunk.subarray(from));
    return lines;
  }

  private keep(part: Uint8Array): void {
    this.bytes += part.length;
    if (this.bytes > this.maxBytes)
      throw new BizraError('admin_line_too_long', `a line is longer than ${this.maxBytes} bytes`);
    this.chunks.push(part);
  }
}
