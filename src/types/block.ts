import type { Commit } from './commit.ts';
import type { Evidence } from './evidence.ts';
import type { Header } from './header.ts';

export interface Block {
  readonly header: Header;
  /** Raw transactions (`TxRaw` bytes), in order. */
  readonly txs: readonly Uint8Array[];
  readonly evidence: readonly Evidence[];
  /** Commit of the previous height; the first block has an empty one. */
  readonly lastCommit: Commit;
}
