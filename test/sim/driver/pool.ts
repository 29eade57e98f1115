import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RunOptions } from './options.ts';
import { lostOutcome, type Outcome } from './outcome.ts';
import type { Report, Task } from './worker.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** A process that says nothing for this long hangs, however busy the machine is. Milliseconds. */
const SILENCE_MS = 120_000;
/** Characters of a dead process's last words that are kept. */
const LAST_WORDS_MAX = 4_000;
/** Memory of one process, in MiB: one run needs a few hundred. */
const HEAP_MIB = 2_048;
/** Where objects are born. Most die within a height; collecting less often saves a fifth of the time. */
const SEMI_SPACE_MIB = 64;

export interface PoolOptions {
  readonly run: RunOptions;
  readonly firstSeed: number;
  readonly seeds: number;
  readonly jobs: number;
  /** Where the program of a process is, and how long it may be silent; for tests. */
  readonly worker?: string;
  readonly silenceMs?: number;
}

/** Runs seeds in several processes. Outcomes come in the order of their seeds. */
export async function runSeeds(
  { run, firstSeed, seeds, jobs, worker: program = WORKER, silenceMs = SILENCE_MS }: PoolOptions,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  const end = firstSeed + seeds;
  const waiting = new Map<number, Outcome>();
  let next = firstSeed;
  let told = firstSeed;
  const tell = (outcome: Outcome): void => {
    waiting.set(outcome.seed, outcome);
    for (let ready = waiting.get(told); ready !== undefined; ready = waiting.get(++told)) {
      waiting.delete(told);
      onOutcome(ready);
    }
  };
  const lane = async (): Promise<void> => {
    let worker: Worker | undefined;
    while (next < end) {
      const seed = next++;
      worker ??= new Worker(program, silenceMs);
      const outcome = await worker.run({ run, seed });
      if (worker.isDead) worker = undefined;
      tell(outcome);
    }
    worker?.end();
  };
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, lane));
}

class Worker {
  isDead = false;
  private readonly child: ChildProcess;
  private readonly silenceMs: number;
  private lastWords = '';

  constructor(program: string, silenceMs: number) {
    this.silenceMs = silenceMs;
    this.child = fork(program, [], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      execArgv: [...process.execArgv, `--max-old-space-size=${HEAP_MIB}`, `--max-semi-space-size=${SEMI_SPACE_MIB}`],
      serialization: 'advanced',
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = (this.lastWords + text).slice(-LAST_WORDS_MAX);
    });
  }

  /** Never rejects: the end of the process is the outcome of its seed. */
  run(task: Task): Promise<Outcome> {
    const { child } = this;
    const startedMs = performance.now();
    return new Promise((resolve) => {
      let silence: NodeJS.Timeout | undefined;
      const done = (outcome: Outcome): void => {
        clearTimeout(silence);
        child.off('message', heard);
        child.off('close', closed);
        resolve(outcome);
      };
      const lost = (reason: string): void => {
        this.isDead = true;
        done(lostOutcome(task.run, task.seed, reason, (performance.now() - startedMs) / 1000));
      };
      const listen = (): void => {
        clearTimeout(silence);
        silence = setTimeout(() => {
          child.kill('SIGKILL');
          lost(`the run hangs: no sign of life for ${this.silenceMs / 1000} s`);
        }, this.silenceMs);
      };
      const heard = (report: Report): void => {
        if (report.kind === 'done') done(report.outcome);
        else listen();
      };
      const closed = (code: number | null, signal: string | null): void =>
        lost(`the process of the run ended with ${signal ?? `code ${code}`}\n${this.lastWords}`);
      child.on('message', heard);
      child.on('close', closed);
      listen();
      child.send(task);
    });
  }

  end(): void {
    this.child.disconnect();
  }
}
