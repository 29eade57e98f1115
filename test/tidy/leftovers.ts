import { type AstNode, dottedName, finding, isNode, type Source, walk } from './source.ts';

/** Longer files are two files. */
const LINES_MAX = 600;
/** Written apart, or this file would find itself. */
const MARKS = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);
const SILENCERS = /@ts-(ignore|nocheck|expect-error)/;
/** A directory of somebody's machine. */
const MACHINE_PATH = /(^|[\s'"`(=])\/(work|root|Users)\/[\w.-]+/;
const SKIP_HELPER = 'test/support/skip.ts';

/** Marks of unfinished work, switched-off checks, and files too long to read. */
export function checkLeftovers(source: Source): string[] {
  const findings: string[] = [];
  const lines = source.text.split('\n');
  if (lines.length - 1 > LINES_MAX) findings.push(`${source.path}:0: ${lines.length - 1} lines, at most ${LINES_MAX}`);
  for (const [index, line] of lines.entries()) {
    const at = `${source.path}:${index + 1}`;
    if (MARKS.test(line)) findings.push(`${at}: a mark of unfinished work`);
    if (MACHINE_PATH.test(line)) findings.push(`${at}: a path of somebody's machine`);
  }
  for (const comment of source.comments) {
    if (SILENCERS.test(comment.text)) findings.push(`${source.path}:${comment.line}: a silenced type error`);
    if (/biome-ignore/.test(comment.text) && !/biome-ignore\s+\S+:\s*\S+/.test(comment.text)) {
      findings.push(`${source.path}:${comment.line}: biome-ignore without a reason`);
    }
  }
  walk(source.program, (node) => {
    if (node.type === 'TSAnyKeyword') findings.push(finding(source, node, 'any'));
    if (node.type === 'CatchClause' && isEmptyBlock(node.body)) {
      findings.push(finding(source, node, 'an empty catch without a reason in it'));
    }
  });
  return findings;
}

/** Tests that test nothing: left out, or empty. */
export function checkTests(source: Source): string[] {
  if (source.path === SKIP_HELPER) return [];
  const findings: string[] = [];
  walk(source.program, (node) => {
    if (node.type !== 'CallExpression') return;
    const called = dottedName(node.callee) ?? '';
    if (/^(describe|context|it|specify)\.only$/.test(called)) findings.push(finding(source, node, called));
    if (/^((describe|context|it|specify)\.skip|xit|xdescribe|xcontext)$/.test(called)) {
      findings.push(finding(source, node, `${called}: use skipBecause, which gives the reason`));
    }
    if (called === 'this.skip') {
      findings.push(finding(source, node, `${called}: use skipBecause, which gives the reason`));
    }
    if (/^(it|specify|describe)$/.test(called) && hasNoBody(node))
      findings.push(finding(source, node, 'an empty test'));
  });
  return findings;
}

/** A test without a function, or with an empty one. */
function hasNoBody(call: AstNode): boolean {
  const [, body] = call.arguments as readonly unknown[];
  if (body === undefined) return true;
  return isNode(body) && /Function/.test(body.type) && isEmptyBlock(body.body);
}

function isEmptyBlock(block: unknown): boolean {
  if (!isNode(block) || block.type !== 'BlockStatement' || (block.body as readonly unknown[]).length > 0) return false;
  return ((block.innerComments as readonly unknown[] | undefined) ?? []).length === 0;
}
