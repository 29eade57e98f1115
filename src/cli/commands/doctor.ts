import type { Command } from 'commander';
import { type HomePaths, homePaths, loadHomeSettings } from '#config/home.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { readChainState } from '#engine/chain-store.ts';
import { type Check, type CheckReport, runCheck } from '#node/doctor.ts';
import { blockChecks } from '#node/doctor-blocks.ts';
import { fileChecks } from '#node/doctor-files.ts';
import { checkDatabase, stateChecks } from '#node/doctor-state.ts';
import { withDatabaseCopy } from '#node/stopped-home.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { BlockStore } from '#storage/block-store.ts';
import { NodeFiles } from '#storage/node-files.ts';
import type { Genesis } from '#types/genesis.ts';
import { BizraError } from '#util/errors.ts';
import { failure } from '../errors.ts';
import { readHomeGenesis } from '../home-genesis.ts';
import { interruptible } from '../interrupt.ts';
import { type HomeOptions, type JsonOptions, withHome, withJson } from '../options.ts';
import type { Terminal } from '../terminal.ts';

type DoctorOptions = HomeOptions & JsonOptions;

/** The database cannot be opened, or must not be. What lies beside it is looked at all the same. */
const NO_DATABASE: ReadonlySet<string> = new Set(['no_database', 'database_failed', 'io_failed', 'damaged']);

/** Runs checks one after the other and tells each as it is done. */
class Doctor {
  readonly reports: CheckReport[] = [];
  private readonly terminal: Terminal;
  private readonly isQuiet: boolean;

  constructor(terminal: Terminal, isQuiet: boolean) {
    this.terminal = terminal;
    this.isQuiet = isQuiet;
  }

  /** False when one of these found something. */
  async run(checks: readonly Check[]): Promise<boolean> {
    let ok = true;
    for (const check of checks) {
      const report = await runCheck(check, (progress) => this.terminal.progress(progress));
      this.tell(report);
      ok &&= report.ok;
    }
    return ok;
  }

  private tell(report: CheckReport): void {
    const { terminal } = this;
    this.reports.push(report);
    terminal.progress('');
    if (this.isQuiet) return;
    terminal.line(`${report.ok ? 'ok     ' : 'FINDING'}  ${report.name}`);
    for (const { what, advice } of report.findings) {
      terminal.line(`         ${what}`);
      terminal.line(`         -> ${advice}`);
    }
    if (report.more > 0) terminal.line(`         and ${report.more} more`);
  }
}

async function runDoctor(terminal: Terminal, { home, json }: DoctorOptions): Promise<void> {
  const paths = homePaths(home);
  const files = new NodeFiles();
  const doctor = new Doctor(terminal, json === true);
  await doctor.run([{ name: 'settings', run: async () => void (await loadHomeSettings(home, { environment: {} })) }]);
  try {
    await withDatabaseCopy(paths, (kv) => examine(doctor, kv, paths));
  } catch (error) {
    if (!(error instanceof BizraError) || !NO_DATABASE.has(error.code)) throw error;
    await doctor.run([{ name: 'database', run: () => Promise.reject(error) }, ...fileChecks(files, paths, undefined)]);
  }
  const { reports } = doctor;
  const wrong = reports.filter(({ ok }) => !ok).length;
  if (json === true) terminal.line(JSON.stringify({ home: paths.home, ok: wrong === 0, checks: reports }));
  if (wrong > 0) throw failure(`${wrong} of ${reports.length} checks found something wrong in ${paths.home}`);
}

/** `kv` is a copy: the last check changes it. */
async function examine(doctor: Doctor, kv: KeyValue, paths: HomePaths): Promise<void> {
  const files = new NodeFiles();
  const genesis = await genesisOf(paths);
  const isReadable = await doctor.run([{ name: 'database', run: () => checkDatabase(kv, genesis) }]);
  const chainState = isReadable ? readChainState(kv) : undefined;
  const chain = chainState === undefined ? undefined : { kv, ...chainState };
  await doctor.run(fileChecks(files, paths, chain));
  if (chainState === undefined) return;
  const blockStore = await BlockStore.open(kv);
  await doctor.run(blockChecks({ kv, blockStore, chainState, verifier: new InlineVerifier() }));
  if (genesis !== undefined) await doctor.run(stateChecks(kv, genesis));
}

/** What is wrong with the file itself is told by its own check. */
async function genesisOf(paths: HomePaths): Promise<Genesis | undefined> {
  try {
    return await readHomeGenesis(paths);
  } catch (error) {
    if (error instanceof BizraError) return undefined;
    throw error;
  }
}

export function registerDoctor(program: Command, terminal: Terminal): void {
  withJson(withHome(program.command('doctor'), terminal))
    .description('look for everything that can be wrong with a stopped node, and say what to do')
    .addHelpText(
      'after',
      `
Checks settings, genesis file, keys and their modes, the signing record against chain and log, every block with its
commit, results, indexes and evidence marks, the state's tree, its invariants and undo rows. Nothing in the home is
changed: a copy of the database is read (hard links to its tables) and removed. Exit code 1 when something is wrong.`,
    )
    .action((options: DoctorOptions) => interruptible(terminal, (watched) => runDoctor(watched, options)));
}
