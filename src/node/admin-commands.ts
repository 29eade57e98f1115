import { AdminServer } from './admin.ts';
import { handleBackup } from './backup-command.ts';
import type { Node } from './node.ts';
import { handlePrune } from './prune-command.ts';
import { handleSnapshotCommands } from './snapshot-commands.ts';

/** What the commands need beside the node. */
export interface AdminPaths {
  readonly dataDirectory: string;
  readonly genesisFile: string;
}

/** The admin socket of a node, with a handler for each command that needs the running one. */
export function makeAdminServer(node: Node, paths: AdminPaths): AdminServer {
  const { logger } = node.ports;
  const admin = new AdminServer({ dataDirectory: paths.dataDirectory, logger: logger.child('admin') });
  handleBackup(admin, node, paths.genesisFile);
  handleSnapshotCommands(admin, node);
  handlePrune(admin, node);
  return admin;
}
