import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sha256 } from '#crypto/hash.ts';
import { encodeHeader, hashHeader } from '#types/header.ts';
import { toHex } from '#util/bytes.ts';
import { makeHeader } from './fixtures.ts';

const SOURCE = new URL('../../../src/', import.meta.url);
/** `crypto/hash.ts` is replaced by this one under the `browser` condition. */
const REPLACED = new Map([['crypto/hash.ts', 'crypto/hash.browser.ts']]);
const IMPORT = /^\s*(?:import|export)\s(?!type\b)[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm;

/** Modules that a file needs when it runs, as paths under `src` or names of packages. */
function runtimeImports(file: string): string[] {
  const text = readFileSync(new URL(file, SOURCE), 'utf8');
  const folder = file.slice(0, file.lastIndexOf('/') + 1);
  return [...text.matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2] ?? '';
    const path = name.startsWith('#') ? name.slice(1) : name.startsWith('./') ? folder + name.slice(2) : name;
    return REPLACED.get(path) ?? path;
  });
}

describe('types in a browser', () => {
  it('need neither Node nor native code', () => {
    const queue = readdirSync(new URL('types/', SOURCE)).map((name) => `types/${name}`);
    queue.push('crypto/portable-verifier.ts', 'crypto/address.ts', 'crypto/merkle.ts');
    const seen = new Set(queue);
    for (const file of queue) {
      for (const name of runtimeImports(file)) {
        if (existsSync(new URL(name, SOURCE)) && !seen.has(name)) queue.push(name);
        seen.add(name);
      }
    }
    assert.ok(seen.has('crypto/hash.browser.ts') && seen.has('util/bytes.ts'), 'imports are found');
    const packages = [...seen].filter((name) => !name.endsWith('.ts')).sort();
    assert.deepEqual(
      packages.filter((name) => !/^(@noble|@scure)\//.test(name)),
      [],
    );
  });

  it('hash a header as the daemon does, loaded as a browser loads them', () => {
    const header = makeHeader({ chainId: 'browser-1', height: 3_000_000_000 });
    const bytes = encodeHeader(header);
    const child = fileURLToPath(new URL('./in-browser.ts', import.meta.url));
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--conditions=browser', child, toHex(bytes)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `${toHex(hashHeader(header))} ${toHex(sha256(bytes))}`);
  });

  it('every file takes hashing by its # name, which alone is replaced', () => {
    for (const name of readdirSync(new URL('crypto/', SOURCE))) {
      const text = readFileSync(new URL(`crypto/${name}`, SOURCE), 'utf8');
      assert.ok(!text.includes(`'./hash.ts'`), name);
    }
  });
});
