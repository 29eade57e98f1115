/** A devnet of stand-ins in a process of its own, for tests that kill it. Takes the directory. */
import { fileURLToPath } from 'node:url';
import { parseDevnetOptions } from '../../../devnet/options.ts';
import { Session } from '../../../devnet/session.ts';

const options = parseDevnetOptions(['--validators', '2', '--base-port', '0', '--json'], () => {});
if (options === undefined) process.exit(2);
const standIn = fileURLToPath(new URL('stand-in-node.ts', import.meta.url));
const command = [process.execPath, standIn, 'start'];
const output = { line: console.log, warn: console.error, interactive: false };
await new Session(output, new AbortController().signal, {
  ...options,
  command,
  directory: process.argv[2] ?? '',
}).run();
