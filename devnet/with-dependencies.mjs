/**
 * Runs a TypeScript file of this repository on a Node that can, after installing the dependencies if they are absent
 * or older than the lockfile: `node devnet/with-dependencies.mjs SCRIPT [arguments]`.
 *
 * Works on a clone without node_modules and on Node 20, so it uses nothing but Node's own modules and no TypeScript.
 * Standard output belongs to the script alone (`npm run devnet -- --json` is read by machines); what npm says goes to
 * standard error. Signals and the exit code are passed on. A Ctrl-C in a terminal reaches the script twice, once from
 * the terminal and once from here: scripts treat a repeated SIGINT like the first.
 */
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LOCKFILE = join(ROOT, 'package-lock.json');
/** npm writes it when an install is complete, so an interrupted install counts as none. */
const MODULES = join(ROOT, 'node_modules');
const INSTALLED_MARK = join(MODULES, '.package-lock.json');
const PINNED_NODE = join(ROOT, 'node_modules', '.bin', 'node');
/** The first Node that runs TypeScript files as they are, without a flag or a warning. */
const NODE_VERSION_MIN = [22, 18];
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Runs a program to its end, with our signals passed on; resolves to its exit code and signal. */
function run(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, options);
    const forward = (signal) => child.kill(signal);
    for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
    const finish = (result) => {
      for (const signal of FORWARDED_SIGNALS) process.off(signal, forward);
      resolve(result);
    };
    child.once('error', (error) => finish({ error, code: 1, signal: null }));
    child.once('close', (code, signal) => finish({ error: undefined, code, signal }));
  });
}

function dependenciesAreCurrent() {
  // Somebody else's: npm ci would empty it through the link.
  if (lstatSync(MODULES, { throwIfNoEntry: false })?.isSymbolicLink()) return true;
  if (!existsSync(INSTALLED_MARK)) return false;
  return !existsSync(LOCKFILE) || statSync(INSTALLED_MARK).mtimeMs >= statSync(LOCKFILE).mtimeMs;
}

async function install() {
  process.stderr.write('installing dependencies (npm ci) ...\n');
  // --include=dev: an inherited NODE_ENV=production must not leave out what tests and the devnet need.
  const args = ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--include=dev', '--include=optional'];
  // 2: npm's standard output becomes our standard error.
  const result = await run('npm', args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.signal !== null) endBySignal(result.signal);
  if (result.error !== undefined) fail(`cannot run npm: ${result.error.message}; install npm, then try again`);
  if (result.code !== 0) fail(`npm ci failed with exit code ${result.code}; see its message above`);
}

function chooseNode() {
  if (existsSync(PINNED_NODE)) return PINNED_NODE;
  const [major, minor] = process.versions.node.split('.').map(Number);
  const enough = major > NODE_VERSION_MIN[0] || (major === NODE_VERSION_MIN[0] && minor >= NODE_VERSION_MIN[1]);
  if (enough) return process.execPath;
  return fail(
    `Node ${process.versions.node} is too old and this platform has no pinned one: install Node 24 (at least ${NODE_VERSION_MIN.join('.')}) and try again`,
  );
}

/** Ends as a shell would report it: 128 + the signal's number. */
function endBySignal(signal) {
  process.exit(128 + constants.signals[signal]);
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail('usage: node devnet/with-dependencies.mjs SCRIPT [arguments]');
if (!dependenciesAreCurrent()) await install();
const result = await run(chooseNode(), [join(ROOT, script), ...args], { stdio: 'inherit' });
if (result.error !== undefined) fail(`cannot start ${script}: ${result.error.message}`);
if (result.signal !== null) endBySignal(result.signal);
process.exit(result.code ?? 1);
