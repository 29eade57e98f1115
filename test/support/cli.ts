import { main } from '#cli/program.ts';
import type { Terminal } from '#cli/terminal.ts';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs a command in this process; nobody looks at the terminal. */
export async function runCli(args: readonly string[], input?: string): Promise<Run> {
  const out: string[] = [];
  const errors: string[] = [];
  const terminal: Terminal = {
    environment: {},
    interactive: false,
    line: (text) => void out.push(text),
    warn: (text) => void errors.push(text),
    progress: () => {},
    ask: () => Promise.reject(new Error('no terminal')),
    flush: () => Promise.resolve(),
    readInput: () => Promise.resolve(input),
  };
  return { code: await main(args, terminal), out: out.join('\n'), errors: errors.join('\n') };
}
