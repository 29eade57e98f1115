import assert from 'node:assert/strict';
import { EventBus } from '#node/event-bus.ts';

describe('event bus', () => {
  it('hands each event to every listener, in order, until it leaves', () => {
    const bus = new EventBus<number>();
    assert.equal(bus.hasListeners, false);
    const seen: string[] = [];
    const leave = bus.subscribe((event) => void seen.push(`a${event}`));
    bus.subscribe((event) => void seen.push(`b${event}`));
    bus.publish(1);
    leave();
    leave();
    bus.publish(2);
    assert.deepEqual(seen, ['a1', 'b1', 'b2']);
    assert.equal(bus.hasListeners, true);
  });

  it('callback-reenters: a listener may end and begin subscriptions', () => {
    const bus = new EventBus<number>();
    const seen: string[] = [];
    const leave = bus.subscribe(() => {
      seen.push('first');
      leave();
      leaveSecond();
      bus.subscribe(() => void seen.push('new'));
    });
    const leaveSecond = bus.subscribe(() => void seen.push('second'));
    bus.publish(1);
    assert.deepEqual(seen, ['first'], 'neither the one that left nor the one that came in the middle');
    bus.publish(2);
    assert.deepEqual(seen, ['first', 'new']);
  });
});
