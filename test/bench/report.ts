import { formatTable, groupDigits } from '#cli/output.ts';

/** A figure, a word, or nothing where there is no figure. */
export type Cell = number | string | undefined;

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** What one part of the bench found out, and what one must know to read it. */
export interface Section {
  readonly name: string;
  readonly notes: readonly string[];
  readonly tables: readonly Table[];
}

/** Three digits that mean something: nobody reads more, and no figure here is exacter. */
export function formatCell(cell: Cell): string {
  if (cell === undefined) return '-';
  if (typeof cell === 'string') return cell;
  const size = Math.abs(cell);
  if (size >= 100 || Number.isInteger(cell)) return groupDigits(cell.toFixed(0));
  return cell.toFixed(size >= 10 ? 1 : 2);
}

function formatOne({ title, columns, rows }: Table): string[] {
  const right = columns.map((_, index) => index).filter((index) => rows.some((row) => typeof row[index] === 'number'));
  return [
    title,
    ...formatTable(
      columns,
      rows.map((row) => row.map(formatCell)),
      right,
    ),
    '',
  ];
}

export function formatSection(section: Section): string[] {
  return [`== ${section.name}`, '', ...section.notes, '', ...section.tables.flatMap(formatOne)];
}

function markdownTable({ title, columns, rows }: Table): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const right = columns.map((_, index) => rows.some((row) => typeof row[index] === 'number'));
  return [
    `${title}:`,
    '',
    line(columns),
    `|${right.map((isRight) => (isRight ? '--:' : '--')).join('|')}|`,
    ...rows.map((row) => line(row.map(formatCell))),
    '',
  ];
}

/** For `docs/performance.md`. */
export function formatMarkdown(section: Section): string[] {
  return [`### ${section.name}`, '', section.notes.join('\n'), '', ...section.tables.flatMap(markdownTable)];
}
