import { formatTime } from '#types/time.ts';
import { BizraError } from '#util/errors.ts';
import type { AdminArgs, AdminServer } from './admin.ts';
import { writeBackup } from './backup.ts';
import type { Node } from './node.ts';

/** `backup` of a running node: the file is written by the node itself, one at a time. */
export function handleBackup(admin: AdminServer, { ports: { kv, clock } }: Node, genesisFile: string): void {
  let isBusy = false;
  admin.handle('backup', async (args, onProgress, signal) => {
    const output = textIn(args, 'output');
    if (isBusy) throw new BizraError('admin_busy', 'another backup of this node is being written: wait for it');
    isBusy = true;
    try {
      const source = { kv, genesisFile, time: formatTime(clock.now()) };
      return await writeBackup(source, { output, signal, onProgress: (progress) => onProgress({ ...progress }) });
    } finally {
      isBusy = false;
    }
  });
}

function textIn(args: AdminArgs, name: string): string {
  const value = args[name];
  if (typeof value === 'string') return value;
  throw new BizraError('admin_bad_request', `the argument ${name} is missing`);
}
