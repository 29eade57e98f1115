import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { usageError } from './errors.ts';

/** What a command sees of the process, so that tests can stand in for it. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A person looks at standard error: progress may be drawn. */
  readonly interactive: boolean;
  /** A line on standard output. */
  line(text: string): void;
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

export function processTerminal(): Terminal {
  const interactive = process.stderr.isTTY === true;
  return {
    environment: process.env,
    interactive,
    line: (text) => void process.stdout.write(`${text}\n`),
    warn: (text) => void process.stderr.write(`${text}\n`),
    progress: (text) => {
      if (interactive) process.stderr.write(`\r\u001b[K${text}`);
    },
    ask: (question, options) => askOnTerminal(question, options?.secret === true),
    readInput: readStandardInput,
  };
}
