import { Nodes } from './libp2p-nodes.ts';

/** Run as a process of its own: it must end by itself once its nodes are stopped. */
const LEFT_OVER_EXIT_CODE = 3;
const PATIENCE_MS = 5_000;

const nodes = new Nodes();
const [a, b] = await nodes.pair({ dht: true }, { dht: true });
a.transport.publish('tx', new Uint8Array(10));
b.onRequest = () => new Promise(() => undefined);
const pending = a.transport.request(b.id, Uint8Array.of(1), 60_000).catch(() => undefined);
await nodes.stop();
await pending;
// Does not keep the process alive itself: it only fires when something else does.
setTimeout(() => process.exit(LEFT_OVER_EXIT_CODE), PATIENCE_MS).unref();
