import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { safeText } from '#cli/output.ts';

/** Milliseconds between asking a node to stop and ending it. A node stops in less than five seconds. */
const STOP_DEADLINE_MS = 8_000;
const LOG_FILE = 'node.log';
/** Bytes of a log's end that are searched for its last line. */
const LOG_TAIL_BYTES = 4_096;
const SHOWN_LINE_LENGTH = 300;

export interface SupervisedNode {
  readonly moniker: string;
  readonly home: string;
}

export interface SupervisorOptions {
  /** The program and its first arguments; `--home HOME` is added. */
  readonly command: readonly string[];
  /** A node ended that nobody had asked to. `code` is 128 + the signal's number when a signal ended it. */
  readonly onExit: (moniker: string, code: number) => void;
}

interface Running {
  readonly node: SupervisedNode;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  code: number | undefined;
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/**
 * One process a node. Its standard input is a pipe that we never write to: when this process dies, however it dies,
 * the pipe closes and the node stops. Its output goes to `node.log` in its home.
 */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly running: Running[] = [];
  private stopping = false;

  constructor(options: SupervisorOptions) {
    this.options = options;
  }

  /** Starts a node and returns its process id. */
  start(node: SupervisedNode): number {
    const [program = '', ...args] = this.options.command;
    const log = openSync(join(node.home, LOG_FILE), 'a', 0o600);
    const child = spawn(program, [...args, '--home', node.home], { stdio: ['pipe', log, log] });
    closeSync(log);
    const entry: Running = { node, child, ended: this.whenEnded(node, child), code: undefined };
    this.running.push(entry);
    void entry.ended;
    // The pipe breaks when the node dies; its end is reported by the exit.
    child.stdin?.on('error', () => {});
    return child.pid ?? 0;
  }

  private whenEnded(node: SupervisedNode, child: ChildProcess): Promise<void> {
    return new Promise((resolve) => {
      const end = (code: number): void => {
        const entry = this.running.find((candidate) => candidate.child === child);
        if (entry === undefined || entry.code !== undefined) return;
        entry.code = code;
        resolve();
        if (!this.stopping) this.options.onExit(node.moniker, code);
      };
      child.once('exit', (code, signal) => end(exitCode(code, signal)));
      child.once('error', () => end(127)); // the program could not be started: a shell's code for that
    });
  }

  /** The node's exit code once it has ended. */
  exitCodeOf(moniker: string): number | undefined {
    return this.running.find(({ node }) => node.moniker === moniker)?.code;
  }

  /** The last line of a node's log, for a message about its end. */
  async lastLogLine(node: SupervisedNode): Promise<string> {
    const file = await open(join(node.home, LOG_FILE), 'r').catch(() => undefined); // it never wrote one
    if (file === undefined) return '';
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES));
      await file.read(buffer, 0, buffer.length, size - buffer.length);
      return safeText(buffer.toString('utf8').trimEnd().split('\n').at(-1) ?? '', SHOWN_LINE_LENGTH);
    } finally {
      await file.close();
    }
  }

  /** Asks every node to stop and waits until all are gone. Returns the monikers that had to be killed. */
  async stop(): Promise<string[]> {
    this.stopping = true;
    const alive = this.running.filter(({ code }) => code === undefined);
    const killed: string[] = [];
    for (const { child } of alive) child.kill('SIGTERM');
    const deadline = setTimeout(() => {
      for (const entry of alive) {
        if (entry.code !== undefined) continue;
        killed.push(entry.node.moniker);
        entry.child.kill('SIGKILL');
      }
    }, STOP_DEADLINE_MS);
    await Promise.all(alive.map(({ ended }) => ended));
    clearTimeout(deadline);
    return killed;
  }
}
