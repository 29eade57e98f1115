import { type AstNode, dottedName, finding, isNode, type Source } from './source.ts';

/** Programs and workers: importing them is running them. */
const PROGRAMS = /(^src\/cli\/main|worker)\.ts$/;
const CONTAINERS = /^(Map|Set|WeakMap|WeakSet|LruMap|Array|BoundedQueue|SerialQueue|BinaryHeap|ByteSlabs|ByteWriter)$/;
const READ_ONLY_TYPES = /^(ReadonlyMap|ReadonlySet|ReadonlyArray|Readonly)$/;

/**
 * Nothing that changes lives at module level: two nodes in one process, as in the simulator, would share it. Flags
 * variables, containers that are not typed as read-only, changeable static fields, and statements with effects.
 */
export function checkModuleState(source: Source): string[] {
  if (PROGRAMS.test(source.path)) return [];
  const findings: string[] = [];
  for (const statement of source.program.body as readonly AstNode[]) {
    const declaration = isNode(statement.declaration) ? statement.declaration : statement;
    if (declaration.type === 'VariableDeclaration') findings.push(...checkVariables(source, declaration));
    if (declaration.type === 'ClassDeclaration') findings.push(...checkStatics(source, declaration));
    if (statement.type === 'ExpressionStatement')
      findings.push(finding(source, statement, 'statement at module level'));
  }
  return findings;
}

function checkVariables(source: Source, declaration: AstNode): string[] {
  if (declaration.declare === true) return [];
  if (declaration.kind !== 'const') return [finding(source, declaration, `module-level ${String(declaration.kind)}`)];
  const findings: string[] = [];
  for (const variable of declaration.declarations as readonly AstNode[]) {
    const { init, id } = variable;
    if (!isNode(init) || init.type !== 'NewExpression' || !isNode(id)) continue;
    const name = dottedName(init.callee) ?? '';
    if (CONTAINERS.test(name) && !READ_ONLY_TYPES.test(annotatedType(id) ?? '')) {
      findings.push(
        finding(source, variable, `module-level ${name}: type it Readonly${name}, or move it into a class`),
      );
    }
  }
  return findings;
}

function checkStatics(source: Source, declaration: AstNode): string[] {
  const members = isNode(declaration.body) ? (declaration.body.body as readonly AstNode[]) : [];
  return members
    .filter((member) => member.type === 'ClassProperty' && member.static === true && member.readonly !== true)
    .map((member) => finding(source, member, 'changeable static field'));
}

/** The name of an identifier's annotated type. */
function annotatedType(id: AstNode): string | undefined {
  const annotation = isNode(id.typeAnnotation) ? id.typeAnnotation.typeAnnotation : undefined;
  return isNode(annotation) && annotation.type === 'TSTypeReference' ? dottedName(annotation.typeName) : undefined;
}
