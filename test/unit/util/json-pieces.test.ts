import assert from 'node:assert/strict';
import { jsonPieces } from '#util/json-pieces.ts';

async function* entries(count: number): AsyncGenerator<unknown> {
  for (let i = 0; i < count; i++) yield { address: `bizra1${String(i).padStart(38, '0')}`, note: 'two\nlines' };
}

describe('JSON in pieces', () => {
  it('is the text of the value, in pieces of whole lines', async () => {
    const pieces: string[] = [];
    for await (const piece of jsonPieces({ name: 'a', list: entries(5_000), empty: entries(0) })) pieces.push(piece);
    assert.ok(pieces.length > 3, 'more than one piece');
    for (const piece of pieces) assert.match(piece, /^[^\n].*\n$/s);
    const read = JSON.parse(pieces.join('')) as { list: unknown[]; empty: unknown[] };
    assert.deepEqual([read.list.length, read.empty], [5_000, []]);
    assert.deepEqual(read.list.at(-1), { address: `bizra1${'0'.repeat(34)}4999`, note: 'two\nlines' });
  });

  it('keeps a line together that is longer than a piece', async () => {
    const pieces: string[] = [];
    for await (const piece of jsonPieces({ long: 'x'.repeat(200_000) })) pieces.push(piece);
    assert.ok(pieces.every((piece) => piece.endsWith('\n')));
    assert.equal((JSON.parse(pieces.join('')) as { long: string }).long.length, 200_000);
  });
});
