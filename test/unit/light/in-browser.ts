import { isBuiltin, registerHooks } from 'node:module';
import { text } from 'node:stream/consumers';

/**
 * Run with the `browser` condition: loads `light/` where nothing of Node's can be imported, then verifies the light
 * blocks of its input (lines of hex) from the first to the last, with Node's own globals taken away.
 */
const lines = (await text(process.stdin)).trim().split('\n');
const { stdout } = process;

registerHooks({
  resolve(specifier, context, next) {
    if (isBuiltin(specifier)) throw new Error(`${context.parentURL} imports ${specifier}`);
    const resolved = next(specifier, context);
    if (resolved.url.endsWith('.node') || resolved.format === 'addon') throw new Error(`${specifier} is native code`);
    return resolved;
  },
});
const light = await import('#light/index.ts');
const { fromHex } = await import('#util/bytes.ts');
for (const name of ['Buffer', 'process', 'global', 'setImmediate']) Reflect.deleteProperty(globalThis, name);

const blocks = lines.map((line) => light.decodeLightBlock(fromHex(line)));
const first = blocks[0] as (typeof blocks)[number];
const last = blocks.at(-1) as (typeof blocks)[number];
const primary = {
  name: 'input',
  lightBlock: async (height?: number) => {
    const found = blocks.find(({ header }) => header.height === (height ?? last.header.height));
    if (found === undefined) throw light.lightError('no_light_block', `no height ${height}`);
    return found;
  },
};
const components = { verifier: new light.PortableVerifier(), store: new light.MemoryTrustedStore(), primary };
const { chainId, height, time } = first.header;
const client = new light.LightClient(components, { chainId, trustingPeriodNs: 3_600_000_000_000n, mode: 'sequential' });
await client.trustHeader(height, first.commit.blockId.hash, time);
const verified = await client.verify(undefined, last.header.time);
stdout.write(`verified ${verified.block.header.height} in ${verified.steps} steps\n`);
