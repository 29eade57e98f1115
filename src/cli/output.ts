import type { Terminal } from './terminal.ts';

/** Columns left-aligned, figures (`right`) right-aligned, two spaces between; no trailing spaces. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    header
      .map((_, column) => {
        const cell = row[column] ?? '';
        const width = widths[column] as number;
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** `name   value` lines. */
export function formatPairs(pairs: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd());
}

/** One answer: `json` for machines in one line, `lines` for people. */
export function print(terminal: Terminal, asJson: boolean, json: unknown, lines: () => readonly string[]): void {
  if (asJson) terminal.line(JSON.stringify(json));
  else for (const line of lines()) terminal.line(line);
}

/** What a peer or node said, made safe for a terminal: control characters out, length bounded. */
export function safeText(text: string, maxLength = 100): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences from a peer must not reach the terminal
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return plain.length > maxLength ? `${plain.slice(0, maxLength - 3)}...` : plain;
}

/** `1234567` as `1,234,567`. */
export function groupDigits(value: bigint | number | string): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1234567` bytes as `1.2 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
