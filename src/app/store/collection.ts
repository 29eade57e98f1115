import type { StoreName } from '#state/store.ts';
import { DELETE_GAS, type GasMeter, READ_BYTE_GAS, READ_FLAT_GAS, WRITE_BYTE_GAS, WRITE_FLAT_GAS } from '../gas.ts';
import type { WorkingState } from './working-state.ts';

/** How a record is kept. `decode(encode(x))` equals x; `size(x)` is the length of `encode(x)`. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
  size(value: Value): number;
  /**
   * What a pending value becomes when the committed one it was made from changes from `before` to `now`. Without it,
   * the pending value is dropped.
   */
  rebase?(pending: Value | undefined, before: Value | undefined, now: Value | undefined): Value | undefined;
}

/** What reading and writing state takes: the state, and who pays. */
export interface StoreAccess {
  readonly state: WorkingState;
  readonly gas: GasMeter;
}

/**
 * Records of one kind in a store. Keys are strings of one character a byte, values are decoded and never changed in
 * place. Gas is the SDK's, from the lengths of keys and encoded values, whatever is cached.
 */
export class Collection<Value> {
  readonly store: StoreName;
  readonly codec: Codec<Value>;

  constructor(store: StoreName, codec: Codec<Value>) {
    this.store = store;
    this.codec = codec;
  }

  get(access: StoreAccess, key: string): Value | undefined {
    access.gas.consume(READ_FLAT_GAS, 'ReadFlat');
    const slot = access.state.read(this, key);
    access.gas.consume(READ_BYTE_GAS * (key.length + slot.size), 'ReadPerByte');
    return slot.value as Value | undefined;
  }

  set(access: StoreAccess, key: string, value: Value): void {
    access.gas.consume(WRITE_FLAT_GAS, 'WriteFlat');
    const size = access.state.write(this, key, value);
    access.gas.consume(WRITE_BYTE_GAS * (key.length + size), 'WritePerByte');
  }

  delete(access: StoreAccess, key: string): void {
    access.gas.consume(DELETE_GAS, 'Delete');
    access.state.write(this, key, undefined);
  }
}
