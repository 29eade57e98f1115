import type { Command } from 'commander';
import { type JsonOptions, withJson } from '../options.ts';
import { print } from '../output.ts';
import type { Terminal } from '../terminal.ts';
import { readVersion } from '../version.ts';

export function registerVersion(program: Command, terminal: Terminal): void {
  withJson(program.command('version'))
    .description('print the versions of bizra-node and of Node')
    .action(async (options: JsonOptions) => {
      const version = await readVersion();
      const answer = { version, node: process.versions.node, platform: `${process.platform}-${process.arch}` };
      print(terminal, options.json === true, answer, () => [
        `bizra-node ${version} (Node ${answer.node}, ${answer.platform})`,
      ]);
    });
}
