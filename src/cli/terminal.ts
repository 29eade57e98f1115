import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { setImmediate as immediate } from 'node:timers/promises';
import { failure, usageError } from './errors.ts';

/** What a command sees of the process, so that tests can stand in for it. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A person looks at standard error: progress may be drawn. */
  readonly interactive: boolean;
  /** A line on standard output. Throws `failed` when an earlier one could not be written: nobody reads, or a full disk. */
  line(text: string): void;
  /** When all lines are written. Throws as `line`. */
  flush(): Promise<void>;
  /** A line on standard error. */
  warn(text: string): void;
  /** Draws over the last progress line; does nothing when nobody looks. An empty text clears it. */
  progress(text: string): void;
  /** Asks on the terminal; `secret` does not show what is typed. Throws `usage` when there is no terminal. */
  ask(question: string, options?: { readonly secret?: boolean }): Promise<string>;
  /** All of standard input, when it is not a terminal; at most 64 KiB. */
  readInput(): Promise<string | undefined>;
}

/** Keys, mnemonics and answers are short; more is a mistake. */
const MAX_INPUT_BYTES = 65_536;

/** Swallows what readline would echo. */
function mutedOutput(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

async function askOnTerminal(question: string, secret: boolean): Promise<string> {
  if (!process.stdin.isTTY) {
    throw usageError(`no terminal to ask "${question.trim()}"; give the value by flag, file or environment variable`);
  }
  process.stderr.write(question);
  const output = secret ? mutedOutput() : process.stderr;
  const reader = createInterface({ input: process.stdin, output, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      reader.once('line', resolve);
      reader.once('close', () => reject(usageError('nothing was typed')));
    });
  } finally {
    reader.close();
    if (secret) process.stderr.write('\n');
  }
}

async function readStandardInput(): Promise<string | undefined> {
  if (process.stdin.isTTY) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_INPUT_BYTES) throw usageError(`standard input is longer than ${MAX_INPUT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Standard output; `flush` resolves when all is written, and throws what went wrong. */
interface Output {
  line(text: string): void;
  flush(): Promise<void>;
}

/** A failed write is an event to the stream. Unheard it would end the process there, with what it has to clean up. */
export function standardOutput(stream: Writable): Output {
  let fault: Error | undefined;
  stream.on('error', (error) => {
    fault ??= failure(`standard output cannot be written: ${error.message}`, { cause: error });
  });
  const check = (): void => {
    if (fault !== undefined) throw fault;
  };
  return {
    line: (text) => {
      check();
      stream.write(`${text}\n`);
    },
    flush: async () => {
      if (fault === undefined) await new Promise<void>((resolve) => stream.write('', () => resolve()));
      // The event comes behind the write's own answer.
      await immediate();
      check();
    },
  };
}

export function processTerminal(): Terminal {
  const interactive = process.stderr.isTTY === true;
  const output = standardOutput(process.stdout);
  return {
    environment: process.env,
    interactive,
    line: output.line,
    flush: output.flush,
    warn: (text) => void process.stderr.write(`${text}\n`),
    progress: (text) => {
      if (interactive) process.stderr.write(`\r\u001b[K${text}`);
    },
    ask: (question, options) => askOnTerminal(question, options?.secret === true),
    readInput: readStandardInput,
  };
}
