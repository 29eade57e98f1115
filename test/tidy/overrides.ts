import { type AstNode, dottedName, finding, isNode, type Source, walk } from './source.ts';

/** Arguments of `Node.open` in earnest; one more would be overrides. */
const OPEN_ARGUMENTS = 3;
/** A broken rule is only ever passed on by its own name. */
const OVERRIDES = /^(brokenRule|wrapApp|overrides|unguardedKey)$/;

/** Nothing in `src` breaks a rule or puts something between blocks and the ledger: only tests hand that in. */
export function checkOverrides(source: Source): string[] {
  const findings: string[] = [];
  walk(source.program, (node) => {
    const opened = node.type === 'CallExpression' && dottedName(node.callee) === 'Node.open';
    if (opened && (node.arguments as readonly unknown[]).length > OPEN_ARGUMENTS)
      findings.push(finding(source, node, 'Node.open with overrides: those are for tests'));
    if (node.type === 'ObjectProperty' && node.shorthand !== true && isOverride(node.key) && !passesOn(node))
      findings.push(finding(source, node, `${dottedName(node.key)} is set: that is for tests`));
  });
  return findings;
}

function isOverride(key: unknown): boolean {
  return isNode(key) && OVERRIDES.test(dottedName(key) ?? '');
}

/** `brokenRule: this.options.brokenRule`; in a pattern, a binding. */
function passesOn({ key, value }: AstNode): boolean {
  const name = dottedName(value);
  return name !== undefined && (name.split('.').at(-1) === dottedName(key) || !name.includes('.'));
}
