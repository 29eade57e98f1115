import type { EventAttribute, LedgerEvent } from '#types/results.ts';
import type { Time } from '#types/time.ts';
import { GasMeter } from './gas.ts';
import type { StoreAccess } from './store/collection.ts';
import type { WorkingState } from './store/working-state.ts';

/** What a block (or the one that would come next) gives to every transaction in it. */
export interface BlockContext {
  readonly height: number;
  readonly time: Time;
  /** Largest sum of gas in a block; undefined for none. */
  readonly maxGas: bigint | undefined;
}

/** Why a transaction is run. `recheck` leaves out what cannot have changed since `check`. */
export type ExecutionMode = 'check' | 'recheck' | 'simulate' | 'execute';

/** All that a transaction's steps may look at. */
export class TxContext implements StoreAccess {
  readonly state: WorkingState;
  readonly block: BlockContext;
  readonly mode: ExecutionMode;
  readonly gas: GasMeter;
  /** Events of the layer that is running. */
  events: LedgerEvent[] = [];
  /** `msg_index` of the message that is running. */
  messageIndex: EventAttribute | undefined;
  /** Checks throw events away, so they need not be made. */
  readonly recordsEvents: boolean;

  constructor(state: WorkingState, block: BlockContext, mode: ExecutionMode, gasLimit: bigint | undefined) {
    this.state = state;
    this.block = block;
    this.mode = mode;
    this.gas = new GasMeter(gasLimit);
    this.recordsEvents = mode === 'execute' || mode === 'simulate';
  }

  /** Adds an event; what a message emits carries the message's index, as in the SDK. The array is kept. */
  emit(type: string, attributes: readonly EventAttribute[]): void {
    const { messageIndex } = this;
    this.events.push({
      type,
      attributes: messageIndex === undefined ? attributes : withLast(attributes, messageIndex),
    });
  }
}

/** A list of the very length: one that `push` enlarges has room for sixteen more, and events live until the block is written. */
function withLast(attributes: readonly EventAttribute[], last: EventAttribute): readonly EventAttribute[] {
  const count = attributes.length;
  const all = new Array<EventAttribute>(count + 1);
  for (let i = 0; i < count; i++) all[i] = attributes[i] as EventAttribute;
  all[count] = last;
  return all;
}
