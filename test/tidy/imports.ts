import { type AstNode, finding, isNode, type Source, walk } from './source.ts';

/** The layers of the house: a file imports from its own folder and from lower layers only. */
const LAYERS: readonly (readonly string[])[] = [
  ['util', 'ports'],
  ['crypto', 'telemetry'],
  ['types'],
  ['consensus', 'light', 'storage'],
  ['state', 'evidence', 'signer'],
  ['app'],
  ['mempool', 'network', 'indexer', 'rpc'],
  ['engine', 'sync'],
  ['node'],
  ['config'],
  ['cli'],
];

/** Packages that belong behind one door, so that the simulator and the browser can do without them. */
const DOORS: readonly { readonly name: RegExp; readonly behind: RegExp }[] = [
  {
    name: /^(libp2p$|@libp2p\/|@chainsafe\/|@multiformats\/)/,
    behind: /^src\/(network\/libp2p|cli\/|config\/|node\/)/,
  },
  { name: /^(level|classic-level)$/, behind: /^src\/storage\/level/ },
  { name: /^(secp256k1|sodium-native)$/, behind: /^src\/crypto\// },
  { name: /^(commander)$/, behind: /^src\/cli\// },
  { name: /^ws$/, behind: /^src\/(rpc|cli)\// },
  { name: /^smol-toml$/, behind: /^src\/(config|cli)\// },
];

export interface Import {
  readonly from: string;
  readonly node: AstNode;
}

export function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((folders) => folders.includes(folder));
}

/** Everything a file imports: statements, re-exports, type imports, `import()`, and `#...ts` names given to a resolver. */
export function importsOf(source: Source): Import[] {
  const imports: Import[] = [];
  walk(source.program, (node) => {
    const literal = node.type === 'TSImportType' ? node.argument : node.source;
    const from = isNode(literal) && literal.type === 'StringLiteral' ? (literal.value as string) : undefined;
    if (from !== undefined) imports.push({ from, node });
    else if (node.type === 'CallExpression') imports.push(...importedByCall(node));
  });
  return imports;
}

function importedByCall(node: AstNode): Import[] {
  const [first] = node.arguments as readonly unknown[];
  if (!isNode(first) || first.type !== 'StringLiteral') return [];
  const from = first.value as string;
  const dynamic = isNode(node.callee) && node.callee.type === 'Import';
  return dynamic || (from.startsWith('#') && from.endsWith('.ts')) ? [{ from, node }] : [];
}

/** The repository path that an import of `source` names; undefined for packages. */
export function resolveImport(source: Source, from: string): string | undefined {
  if (from.startsWith('#')) return `src/${from.slice(1)}`;
  if (!from.startsWith('.')) return undefined;
  const parts = source.path.split('/').slice(0, -1);
  for (const part of from.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Layers, the form of import names, doors, and files that do not exist. For files under `src`. */
export function checkImports(source: Source, exists: (path: string) => boolean): string[] {
  const findings: string[] = [];
  const own = folderOf(source.path);
  const ownLayer = layerOf(own);
  if (ownLayer < 0) findings.push(`${source.path}:0: folder ${own} has no layer`);
  for (const { from, node } of importsOf(source)) {
    const report = (message: string): void => void findings.push(finding(source, node, message));
    const target = resolveImport(source, from);
    if (target === undefined) {
      const door = DOORS.find(({ name }) => name.test(from));
      if (door !== undefined && !door.behind.test(source.path)) report(`${from} may be imported behind its door only`);
      continue;
    }
    if (!exists(target)) report(`${from}: no such file`);
    const folder = folderOf(target);
    if (folder === own) continue;
    if (from.startsWith('.')) report(`${from}: use #folder/file.ts`);
    const layer = layerOf(folder);
    if (layer < 0) report(`${from}: folder ${folder} has no layer`);
    else if (layer >= ownLayer) report(`${own} (layer ${ownLayer}) imports ${folder} (layer ${layer})`);
  }
  return findings;
}

/** Files that no root reaches. `roots` are entry points; each needs a reason to be one. */
export function checkReachable(sources: readonly Source[], roots: readonly string[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set(roots);
  for (const path of reached) {
    const source = byPath.get(path);
    if (source === undefined) continue;
    for (const { from } of importsOf(source)) {
      const target = resolveImport(source, from);
      if (target !== undefined) reached.add(target);
    }
  }
  return sources.filter(({ path }) => !reached.has(path)).map(({ path }) => `${path}:0: nothing imports it`);
}

/** The package of an import name: `@scope/name` or `name`. */
export function packageOf(from: string): string {
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
}
