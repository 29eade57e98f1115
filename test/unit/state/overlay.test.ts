import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Overlay } from '#state/overlay.ts';
import type { StateReader, StateWriter } from '#state/store.ts';
import { toLatin1 } from '#util/bytes.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

/** A writer without any layers. */
class Plain implements StateWriter {
  readonly entries = new Map<string, Uint8Array>();

  get(store: string, key: Uint8Array): Uint8Array | undefined {
    return this.entries.get(`${store}/${toLatin1(key)}`);
  }

  set(store: string, key: Uint8Array, value: Uint8Array): void {
    this.entries.set(`${store}/${toLatin1(key)}`, value);
  }

  delete(store: string, key: Uint8Array): void {
    this.entries.delete(`${store}/${toLatin1(key)}`);
  }
}

describe('Overlay', () => {
  const operation = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(
        fc.constant('write' as const),
        fc.constantFrom('a', 'b'),
        fc.nat(3),
        fc.option(fc.nat(9), { nil: undefined }),
      ),
    },
    { weight: 2, arbitrary: fc.tuple(fc.constant('push' as const)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('flush' as const)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('reset' as const)) },
  );

  it('overlay-iterator: a stack of layers equals a stack of maps, with deletions that hide what is below', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const base = new Plain();
        const layers: Overlay[] = [new Overlay(base)];
        const models: Map<string, number>[] = [new Map(), new Map()];
        for (const [kind, store, key, value] of operations) {
          const top = layers.at(-1) as Overlay;
          const model = models.at(-1) as Map<string, number>;
          if (kind === 'write') {
            if (value === undefined) {
              top.delete(store as string, bytes(key as number));
              model.delete(`${store}/${key}`);
            } else {
              top.set(store as string, bytes(key as number), bytes(value));
              model.set(`${store}/${key}`, value);
            }
          } else if (kind === 'push') {
            layers.push(new Overlay(top));
            models.push(new Map(model));
          } else if (kind === 'flush') {
            top.flush();
            models[models.length - 2] = new Map(model);
            if (layers.length > 1) {
              layers.pop();
              models.pop();
            }
          } else {
            top.reset();
            models[models.length - 1] = new Map(models.at(-2));
          }
          for (const name of ['a', 'b']) {
            for (let one = 0; one <= 3; one++) {
              const expected = models.at(-1)?.get(`${name}/${one}`);
              assert.deepEqual(layers.at(-1)?.get(name, bytes(one))?.[0], expected);
            }
          }
        }
      }),
    );
  });

  it('tells its changes as they were at that moment', () => {
    const overlay = new Overlay(new Plain());
    overlay.set('a', bytes(1), bytes(1));
    overlay.delete('a', bytes(2));
    const changes = overlay.changes();
    overlay.set('a', bytes(1), bytes(9));
    overlay.reset();
    assert.deepEqual(
      changes,
      new Map([
        [
          'a',
          new Map([
            ['\x01', bytes(1)],
            ['\x02', undefined],
          ]),
        ],
      ]),
    );
    assert.equal(overlay.changes().size, 0);
  });

  it('reused-buffer-views: keeps copies', () => {
    const overlay = new Overlay(new Plain());
    const key = bytes(1);
    const value = bytes(5);
    overlay.set('a', key, value);
    key[0] = 2;
    value[0] = 6;
    assert.deepEqual(overlay.get('a', bytes(1)), bytes(5));
    assert.equal(overlay.get('a', bytes(2)), undefined);
  });

  it('refuses empty keys and values, and to flush into a reader', () => {
    const reader: StateReader = { get: () => undefined };
    const overlay = new Overlay(reader);
    assert.throws(() => overlay.set('a', bytes(), bytes(1)), /key is not empty/);
    assert.throws(() => overlay.delete('a', bytes()), /key is not empty/);
    assert.throws(() => overlay.set('a', bytes(1), bytes()), /value is not empty/);
    assert.throws(() => overlay.flush(), /writer/);
  });
});
