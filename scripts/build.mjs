/**
 * Emits `dist/`, the JavaScript of `src/` for the package and the image: `npm run build`.
 * `dist/package.json` maps the same `#folder/file.ts` names to the emitted files, as package.json does to the sources.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

rmSync(DIST, { recursive: true, force: true });
const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const result = spawnSync(process.execPath, [compiler, '-p', join(ROOT, 'scripts', 'tsconfig.build.json')], {
  stdio: 'inherit',
});
if (result.error !== undefined) throw result.error;
if (result.status !== 0) {
  rmSync(DIST, { recursive: true, force: true });
  process.exit(result.status ?? 1);
}
writeFileSync(
  join(DIST, 'package.json'),
  `${JSON.stringify({ type: 'module', imports: emittedImports() }, null, 2)}\n`,
);

/** package.json's imports with `./src/x.ts` read as `./x.js`, its conditions kept. */
function emittedImports() {
  const { imports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const emitted = (target) => target.replace(/^\.\/src\//, './').replace(/\.ts$/, '.js');
  return JSON.parse(JSON.stringify(imports), (_, value) => (typeof value === 'string' ? emitted(value) : value));
}
