import { readdirSync } from 'node:fs';
import { registerHooks } from 'node:module';

/**
 * Run as a process of its own under the `browser` condition: loads everything in `types/`, decodes the header given in
 * hex, and prints its hash as `types/` and its bytes' digest as `crypto/` make them. Fails if a loaded module asks for
 * anything that a browser has not.
 */

const SOURCE = new URL('../../../src/', import.meta.url);

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    if (/^node:|\/(sodium-native|secp256k1)\//.test(resolved.url)) {
      throw new Error(`${context.parentURL ?? ''} needs ${resolved.url}, which no browser has`);
    }
    return resolved;
  },
});

for (const name of readdirSync(new URL('types/', SOURCE))) await import(new URL(`types/${name}`, SOURCE).href);
await import('#crypto/portable-verifier.ts');
const { decodeHeader, hashHeader } = await import('#types/header.ts');
const { sha256 } = await import('#crypto/hash.ts');
const { fromHex, toHex } = await import('#util/bytes.ts');

const bytes = fromHex(process.argv[2] ?? '');
process.stdout.write(`${toHex(hashHeader(decodeHeader(bytes)))} ${toHex(sha256(bytes))}`);
