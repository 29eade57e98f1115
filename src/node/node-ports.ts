import type { SyncVerifier, Verifier } from '#crypto/verifier.ts';
import type { Clock } from '#ports/clock.ts';
import type { StreamedFile } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { Random } from '#ports/random.ts';
import type { Transport } from '#ports/transport.ts';
import type { FileSigner } from '#signer/signer.ts';
import type { SnapshotArchive } from '#state/snapshot/archive.ts';
import type { Wal } from '#storage/wal.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { MetricsRegistry } from '#telemetry/metrics.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** All that the node touches the outside with. The simulator brings its own. */
export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KeyValue;
  readonly wal: Wal;
  readonly transport: Transport;
  readonly verifier: Verifier;
  /** There is much to catch up with, or no longer: the verifier may then use more of the machine. */
  readonly onFarBehind?: ((farBehind: boolean) => void) | undefined;
  /** For single votes and proposals, which are not worth a trip to other threads; native code if absent. */
  readonly voteVerifier?: SyncVerifier | undefined;
  readonly logger: Logger;
  /** Absent on a node without a validator key. */
  readonly signer: FileSigner | undefined;
  /** The operator says that no other process has the key: go on where its signing record is missing or old. */
  readonly recoverSigningRecord?: boolean | undefined;
  /** Aborted: what takes long while the node is opened ends, with the error 'stopped'. */
  readonly signal?: AbortSignal | undefined;
  /** What makes going on impossible; the process must end. */
  readonly onFatal: (error: unknown) => void;
  /** Absent: peers get no snapshots here. */
  readonly snapshots?: SnapshotArchive | undefined;
  /** Where this node keeps its own; absent: it makes none. */
  readonly snapshotStore?: SnapshotStore | undefined;
  /** Where the state's tree is saved for the next start; absent: each start builds it from all leaves. */
  readonly treeCopy?: StreamedFile | undefined;
  /** Absent: nothing is measured. */
  readonly metrics?: MetricsRegistry | undefined;
}
