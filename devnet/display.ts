import { setTimeout as delay } from 'node:timers/promises';
import { formatLive, formatSummary, type StartedNode, type TableRow } from './report.ts';
import type { Supervisor } from './supervisor.ts';
import type { Rates, Watcher } from './watcher.ts';

/** Milliseconds between two looks at the nodes: often enough to look alive, seldom enough to cost nothing. */
const TABLE_MS = 500;
const SUMMARY_MS = 5_000;

interface DisplayComponents {
  readonly nodes: readonly StartedNode[];
  readonly watchers: readonly Watcher[];
  readonly supervisor: Supervisor;
}

/** Where it draws: a terminal is redrawn in place, a pipe gets a line now and then. */
export interface Screen {
  readonly interactive: boolean;
  write(text: string): void;
}

/** Shows the network to a person until the signal comes. */
export class Display {
  private readonly components: DisplayComponents;
  private readonly screen: Screen;
  private drawnLines = 0;

  constructor(components: DisplayComponents, screen: Screen) {
    this.components = components;
    this.screen = screen;
  }

  async run(signal: AbortSignal): Promise<void> {
    const period = this.screen.interactive ? TABLE_MS : SUMMARY_MS;
    while (!signal.aborted) {
      const rows = await this.look();
      const rates = await this.rates(rows);
      if (signal.aborted) return;
      if (this.screen.interactive) this.draw(formatLive(rows, rates));
      else this.screen.write(`${formatSummary(rows, rates)}\n`);
      await delay(period, undefined, { signal }).catch(() => {}); // aborted: the loop ends
    }
  }

  private look(): Promise<TableRow[]> {
    const { nodes, watchers, supervisor } = this.components;
    return Promise.all(
      nodes.map(async ({ moniker }, index) => ({
        moniker,
        view: await watchers[index]?.view(),
        exitCode: supervisor.exitCodeOf(moniker),
      })),
    );
  }

  /** From the first node that answers: all carry the same blocks. */
  private async rates(rows: readonly TableRow[]): Promise<Rates | undefined> {
    const index = rows.findIndex((row) => row.view !== undefined && row.view.height > 0);
    return this.components.watchers[index]?.rates(rows[index]?.view?.height ?? 0);
  }

  private draw(lines: readonly string[]): void {
    // Up to the first line of the last table, and clear from there to the end of the screen.
    const back = this.drawnLines === 0 ? '' : `\u001b[${this.drawnLines}A\u001b[0J`;
    this.screen.write(`${back}${lines.join('\n')}\n`);
    this.drawnLines = lines.length;
  }
}
