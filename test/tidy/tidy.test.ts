import { deepEqual, fail, ok } from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkImports, checkReachable, importsOf, packageOf } from './imports.ts';
import { checkLeftovers, checkTests } from './leftovers.ts';
import { checkModuleState } from './module-state.ts';
import { checkOverrides } from './overrides.ts';
import { checkPure, checkWorld } from './purity.ts';
import { parseSource, ROOT, readSources, type Source } from './source.ts';

/** Files that nothing in `src` imports, each with its reason. */
const ENTRY_POINTS: Readonly<Record<string, string>> = {
  'src/cli/main.ts': 'the program',
  'src/light/index.ts': 'imported by others as a package',
  'src/crypto/hash.browser.ts': 'takes the place of hash.ts in a browser',
  'src/crypto/portable-verifier.ts': 'the verifier of a browser, and the cross-check of the native ones in tests',
  'src/storage/memory-files.ts': 'the model of a disk, for tests and the simulator',
  'src/storage/memory.ts': 'the model of LevelDB, for tests and the simulator',
};

/** Dependencies that nothing imports by name, each with its reason. */
const INDIRECT_DEPENDENCIES: Readonly<Record<string, string>> = {
  '@libp2p/interface': 'types only; pinned so that all libp2p packages share one',
};

/** Enough to see what is wrong; more would bury it. */
const FINDINGS_SHOWN = 30;

function none(findings: readonly string[]): void {
  if (findings.length === 0) return;
  const more = findings.length > FINDINGS_SHOWN ? `\n... and ${findings.length - FINDINGS_SHOWN} more` : '';
  fail(`${findings.length} findings:\n${findings.slice(0, FINDINGS_SHOWN).join('\n')}${more}`);
}

const exists = (path: string): boolean => existsSync(join(ROOT, path));

describe('tidy: the repository', function () {
  this.timeout(60_000);
  let src: Source[] = [];
  let all: Source[] = [];

  before(() => {
    src = readSources('src');
    all = [...src, ...readSources('test', 'devnet', 'scripts')];
  });

  it('has sources to look at', () => ok(src.length > 30 && all.length > src.length));

  it('keeps the layers, the doors and the form of imports', () =>
    none(src.flatMap((source) => checkImports(source, exists))));

  it('keeps the pure folders pure', () => none(src.flatMap(checkPure)));

  it('takes time, timers and chance from the ports', () => none(src.flatMap(checkWorld)));

  it('has no state at module level', () => none(src.flatMap(checkModuleState)));

  it('breaks no rule outside tests', () => none(src.flatMap(checkOverrides)));

  it('has no leftovers', () => none(all.flatMap(checkLeftovers)));

  it('has no test that tests nothing', () =>
    none(all.filter(({ path }) => path.startsWith('test/')).flatMap(checkTests)));

  it('has no dead files', () => {
    const modules = src.filter(({ path }) => !path.endsWith('.d.ts'));
    none(checkReachable(modules, Object.keys(ENTRY_POINTS)));
  });

  it('uses every dependency', () => {
    const used = new Set(src.flatMap((source) => importsOf(source).map(({ from }) => packageOf(from))));
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const names = Object.keys(manifest.dependencies);
    none(names.filter((name) => !used.has(name) && INDIRECT_DEPENDENCIES[name] === undefined));
  });
});

/** Each checker must find what it is for: code by path, and how often it is wrong. */
describe('tidy: each checker finds a planted fault', () => {
  const source = (path: string, text: string): Source => parseSource(path, text);

  it('layers and imports', () => {
    const faults = [
      "import { a } from '#engine/a.ts';",
      "import type { a } from '#state/a.ts';",
      "export { a } from '#cli/a.ts';",
      "export * from '#node/a.ts';",
      "type A = import('#sync/a.ts').A;",
      "const a = await import('#rpc/a.ts');",
      "import { a } from '#nowhere/a.ts';",
      "import { a } from '../consensus/a.ts';",
      "import { a } from './../util/a.ts';",
      "new Worker(new URL(import.meta.resolve('#engine/a.ts')));",
      "import { Level } from 'level';",
      "import { createLibp2p } from 'libp2p';",
      "import { tcp } from '@libp2p/tcp';",
      "import { WebSocketServer } from 'ws';",
      "import sodium from 'sodium-native';",
    ];
    for (const text of faults) {
      ok(checkImports(source('src/storage/x.ts', text), () => true).length > 0, text);
    }
    const fine = "import { a } from '#types/a.ts'; import { b } from './b.ts'; import '#util/c.ts'; import 'node:fs';";
    deepEqual(
      checkImports(source('src/storage/x.ts', fine), () => true),
      [],
    );
    ok(checkImports(source('src/storage/x.ts', "import './gone.ts';"), () => false).length === 1);
    ok(checkImports(source('src/elsewhere/x.ts', ''), () => true).length === 1);
  });

  it('overrides', () => {
    const faults = [
      'await Node.open(ports, genesis, settings, {});',
      "new Chain({ brokenRule: 'lock' });",
      'const o = { wrapApp: (app) => app };',
    ];
    for (const text of faults) ok(checkOverrides(source('src/node/x.ts', text)).length === 1, text);
    const fine = 'await Node.open(a, b, c); new Chain({ brokenRule, other: this.options.brokenRule });';
    deepEqual(checkOverrides(source('src/node/x.ts', fine)), []);
  });

  it('pure folders', () => {
    const faults = [
      "import { createHash } from 'node:crypto';",
      "import { readFileSync } from 'fs';",
      "import { fromHex } from '@cosmjs/encoding';",
      'export const a = Buffer.from([]);',
      'const now = performance.now();',
      'const a = 0.5;',
      "const a = Number.parseFloat('1');",
      'const a = globalThis.process.env;',
      'export const f = () => console.log(1);',
    ];
    for (const text of faults) ok(checkPure(source('src/app/x.ts', text)).length > 0, text);
    const fine = 'export const a = (process: number) => process + 1e3; const b = { Date: 1 }.Date; type B = Buffer;';
    deepEqual(checkPure(source('src/app/x.ts', fine)), []);
    deepEqual(checkPure(source('src/rpc/x.ts', "import 'node:http';")), []);
  });

  it('time, timers and chance', () => {
    const faults = [
      'const a = Date.now();',
      'const a = new Date();',
      'setTimeout(() => 1, 1);',
      'const wait = setImmediate;',
      'const a = Math.random();',
      'const a = performance.now();',
      'const a = process.hrtime.bigint();',
      "import { setTimeout } from 'node:timers/promises';",
    ];
    for (const text of faults) {
      ok(checkWorld(source('src/engine/x.ts', text)).length > 0, text);
      deepEqual(checkWorld(source('src/network/libp2p/x.ts', text)), []);
    }
    deepEqual(checkWorld(source('src/engine/x.ts', 'class A { setTimeout(): void {} } const a = { Date: 2 };')), []);
  });

  it('state at module level', () => {
    const faults = [
      'let a = 1;',
      'export let a = 1;',
      'var a = 1;',
      'const a = new Map();',
      'export const a: Map<string, number> = new Map();',
      'const a = new LruMap(3);',
      'class A { static count = 0; }',
      'export class A { static cache = new Map(); }',
      'register();',
    ];
    for (const text of faults) ok(checkModuleState(source('src/engine/x.ts', text)).length === 1, text);
    const fine =
      "const a: ReadonlyMap<string, number> = new Map([['x', 1]]); const b = [1]; function f() { let c = 1; return c; } class D { static readonly x = 1; private static create() {} }";
    deepEqual(checkModuleState(source('src/engine/x.ts', fine)), []);
  });

  it('leftovers', () => {
    const mark = ['TO', 'DO'].join('');
    const faults = [
      `// ${mark}: later`,
      'const a = b as any;',
      'function f(a: any) {}',
      '// @ts-ignore\nf();',
      '// @ts-expect-error\nf();',
      '// biome-ignore lint/x/y\nf();',
      'try { f(); } catch {}',
      'try { f(); } catch (error) { }',
      'x;\n'.repeat(601),
    ];
    // Put together here, since this file may hold such a path no more than others.
    for (const top of ['work', 'root', 'Users']) faults.push(`const a = '${['', top, 'me'].join('/')}';`);
    for (const text of faults) ok(checkLeftovers(source('src/engine/x.ts', text)).length > 0, text);
    const fine =
      'try { f(); } catch { /* it was closed already */ }\n// biome-ignore lint/x/y: the reason\nconst company = 1;';
    deepEqual(checkLeftovers(source('src/engine/x.ts', fine)), []);
    deepEqual(checkLeftovers(source('src/engine/x.ts', 'x;\n'.repeat(600))), []);
  });

  it('tests that test nothing', () => {
    const faults = [
      "it.only('a', () => f());",
      "describe.only('a', () => f());",
      "it.skip('a', () => f());",
      "xit('a', () => f());",
      "it('a', () => {});",
      "it('a', async function () {});",
      "it('a');",
      "it('a', function () { this.skip(); });",
    ];
    for (const text of faults) ok(checkTests(source('test/unit/x.test.ts', text)).length > 0, text);
    deepEqual(checkTests(source('test/unit/x.test.ts', "it('a', () => f()); iterator.skip(1);")), []);
  });

  it('dead files', () => {
    const files = [
      source('src/cli/main.ts', "import './a.ts';"),
      source('src/cli/a.ts', "import type { B } from '#util/b.ts';"),
      source('src/util/b.ts', ''),
      source('src/util/c.ts', "import './d.ts';"),
      source('src/util/d.ts', "import './c.ts';"),
    ];
    deepEqual(checkReachable(files, ['src/cli/main.ts']), [
      'src/util/c.ts:0: nothing imports it',
      'src/util/d.ts:0: nothing imports it',
    ]);
    deepEqual(packageOf('@noble/hashes/sha2.js'), '@noble/hashes');
    deepEqual(packageOf('cosmjs-types/a/b'), 'cosmjs-types');
  });
});
