/** Characters that are put together before their whole lines are handed on. */
const PIECE_LENGTH = 65_536;
const INDENT = '  ';

/**
 * JSON text of a value, for people to read, piece by piece: where an object has an async iterable, a list is written
 * with one entry a line, read as it goes. Each piece ends with a line break.
 */
export async function* jsonPieces(value: unknown): AsyncGenerator<string> {
  let piece = '';
  for await (const text of piecesOf(value, '')) {
    piece += text;
    const end = piece.length < PIECE_LENGTH ? 0 : piece.lastIndexOf('\n') + 1;
    if (end === 0) continue;
    yield piece.slice(0, end);
    piece = piece.slice(end);
  }
  yield `${piece}\n`;
}

async function* piecesOf(value: unknown, indent: string): AsyncGenerator<string> {
  if (isAsyncIterable(value)) yield* listPieces(value, indent);
  else if (isPlainObject(value)) yield* objectPieces(value, indent);
  else yield JSON.stringify(value, null, INDENT).replaceAll('\n', `\n${indent}`);
}

async function* objectPieces(value: object, indent: string): AsyncGenerator<string> {
  let before = '{';
  for (const [name, inner] of Object.entries(value)) {
    yield `${before}\n${indent}${INDENT}${JSON.stringify(name)}: `;
    yield* piecesOf(inner, indent + INDENT);
    before = ',';
  }
  yield before === '{' ? '{}' : `\n${indent}}`;
}

async function* listPieces(list: AsyncIterable<unknown>, indent: string): AsyncGenerator<string> {
  let before = '[';
  for await (const entry of list) {
    yield `${before}\n${indent}${INDENT}${JSON.stringify(entry)}`;
    before = ',';
  }
  yield before === '[' ? '[]' : `\n${indent}]`;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
