import { folderOf, importsOf } from './imports.ts';
import { type AstNode, dottedName, finding, isNode, type Source, walk } from './source.ts';

/** Same input, same output, on every machine and in a browser. */
const PURE_FOLDERS = ['types', 'consensus', 'evidence', 'light', 'app', 'state', 'mempool'];
/** Where a fraction could become an amount, a power or a height. */
const WHOLE_NUMBER_FOLDERS = ['consensus', 'evidence', 'app', 'state'];
/** Packages that compute and nothing else. */
const PURE_PACKAGES = /^(cosmjs-types\/|@noble\/|@scure\/base$)/;
/** Files whose work is the outside world: real clock, files, sockets, threads, users. */
const ADAPTERS =
  /^src\/(cli\/|rpc\/|network\/libp2p|storage\/(level|node-files)|crypto\/.*(worker|pool)|node\/(real|process))/;

const NEVER_IN_PURE = [
  'Buffer',
  'process',
  'console',
  'fetch',
  'performance',
  'crypto',
  'structuredClone',
  'WeakRef',
  'FinalizationRegistry',
];
const OUTSIDE_WORLD = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'Math.random',
  'process.hrtime',
  'process.nextTick',
];
const WORLD_MODULES = /^(node:)?(timers(\/promises)?|perf_hooks)$/;

/** Pure folders: no Node, no outside world, no fractions where amounts are. */
export function checkPure(source: Source): string[] {
  const folder = folderOf(source.path);
  if (!PURE_FOLDERS.includes(folder) || source.path.endsWith('.d.ts')) return [];
  const findings: string[] = [];
  for (const { from, node } of importsOf(source)) {
    if (from.startsWith('#') || from.startsWith('.') || PURE_PACKAGES.test(from)) continue;
    findings.push(finding(source, node, `${folder} is pure and imports ${from}`));
  }
  for (const { name, node } of globalsUsed(source)) {
    if (matches(NEVER_IN_PURE, name)) findings.push(finding(source, node, `${folder} is pure and uses ${name}`));
  }
  if (WHOLE_NUMBER_FOLDERS.includes(folder)) findings.push(...fractions(source));
  return findings;
}

/** Time, timers and chance come through the ports, except in the adapters. */
export function checkWorld(source: Source): string[] {
  if (ADAPTERS.test(source.path)) return [];
  const findings: string[] = [];
  for (const { from, node } of importsOf(source)) {
    if (WORLD_MODULES.test(from)) findings.push(finding(source, node, `imports ${from}: use the Clock port`));
  }
  for (const { name, node } of globalsUsed(source)) {
    if (matches(OUTSIDE_WORLD, name))
      findings.push(finding(source, node, `uses ${name}: use the Clock or Random port`));
  }
  return findings;
}

/** A name itself, or a member of it. */
function matches(names: readonly string[], used: string): boolean {
  return names.some((name) => used === name || used.startsWith(`${name}.`));
}

/** Names read as values that the file does not declare itself, member chains in full (`Math.random`). */
function globalsUsed(source: Source): { name: string; node: AstNode }[] {
  const declared = new Set<string>();
  const used: { name: string; node: AstNode }[] = [];
  walk(source.program, (node, parents) => {
    const parent = parents.at(-1);
    if (isNode(node.local) && node.type.startsWith('Import')) declared.add(node.local.name as string);
    if (isNode(node.id) && node.id.type === 'Identifier') declared.add(node.id.name as string);
    for (const parameter of (node.params as readonly unknown[] | undefined) ?? []) {
      if (isNode(parameter) && parameter.type === 'Identifier') declared.add(parameter.name as string);
    }
    const name = dottedName(node);
    if (name === undefined || parent === undefined || isNameOnly(node, parent)) return;
    used.push({ name: name.replace(/^globalThis\./, ''), node });
  });
  return used.filter(({ name }) => !declared.has(name.split('.')[0] as string));
}

/** Property names, labels and types are no uses of a global. */
function isNameOnly(node: AstNode, parent: AstNode): boolean {
  if (parent.type === 'MemberExpression') return true; // the whole chain is looked at instead
  if (parent.key === node && parent.computed !== true) return true;
  if (parent.type === 'BinaryExpression' && parent.operator === 'instanceof') return true; // asks what a value is
  return (
    parent.type.startsWith('TS') && !['TSAsExpression', 'TSNonNullExpression', 'TSTypeQuery'].includes(parent.type)
  );
}

function fractions(source: Source): string[] {
  const findings: string[] = [];
  walk(source.program, (node) => {
    if (node.type === 'NumericLiteral' && !Number.isInteger(node.value)) {
      findings.push(
        finding(source, node, `fraction ${String(node.value)}: amounts are bigint, ratios are two integers`),
      );
    }
    const called = node.type === 'CallExpression' ? dottedName(node.callee) : undefined;
    if (called === 'parseFloat' || called === 'Number.parseFloat') {
      findings.push(finding(source, node, `${called}: amounts are bigint`));
    }
  });
  return findings;
}
