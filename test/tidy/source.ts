import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ParseResult, parse } from '@babel/parser';

export const ROOT = join(import.meta.dirname, '..', '..');

/** A node of the syntax tree, as far as the checkers look. */
export interface AstNode {
  readonly type: string;
  readonly loc?: { readonly start: { readonly line: number } } | null;
  readonly [field: string]: unknown;
}

export interface Comment {
  readonly text: string;
  readonly line: number;
}

/** A parsed file. `path` is relative to the repository, with slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly program: AstNode;
  readonly comments: readonly Comment[];
}

export function parseSource(path: string, text: string): Source {
  const tree: ParseResult = parse(text, { sourceType: 'module', plugins: ['typescript'], errorRecovery: false });
  const comments = (tree.comments ?? []).map((comment) => ({
    text: comment.value,
    line: comment.loc?.start.line ?? 0,
  }));
  return { path, text, program: tree.program as unknown as AstNode, comments };
}

/** Every TypeScript file under the folders, in a defined order. */
export function readSources(...folders: readonly string[]): Source[] {
  return folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(ROOT, path), 'utf8')));
}

/** Visits every node below `node`, parents first. */
export function walk(node: AstNode, visit: (node: AstNode, parents: readonly AstNode[]) => void): void {
  const descend = (current: AstNode, parents: readonly AstNode[]): void => {
    visit(current, parents);
    const below = [...parents, current];
    for (const value of Object.values(current)) {
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) descend(child, below);
    }
  };
  descend(node, []);
}

export function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** `path:line: message`, as editors link it. */
export function finding(source: Source, node: AstNode, message: string): string {
  return `${source.path}:${node.loc?.start.line ?? 0}: ${message}`;
}

/** The name of an identifier, or of a member chain such as `Math.random`; undefined for anything else. */
export function dottedName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return node.name as string;
  if (node.type === 'ThisExpression') return 'this';
  if (node.type !== 'MemberExpression' || node.computed === true) return undefined;
  const object = dottedName(node.object);
  const property = dottedName(node.property);
  return object === undefined || property === undefined ? undefined : `${object}.${property}`;
}
