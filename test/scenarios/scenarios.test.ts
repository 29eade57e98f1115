import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Story } from './story.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const REWRITE = process.env.BIZRA_REWRITE_SCENARIOS === '1';
const SEPARATOR = '----';

/** The file with every answer replaced by what the core says now. */
function retell(text: string): string {
  const story = new Story();
  const out: string[] = [];
  let answers: string[] = [];
  let expected = false;
  for (const line of text.split('\n')) {
    if (line === SEPARATOR) {
      out.push(line, ...answers);
      answers = [];
      expected = true;
    } else if (line === '') {
      out.push(line);
      expected = false;
    } else if (!expected) {
      out.push(line);
      if (!line.startsWith('#')) answers.push(...story.run(line));
    }
  }
  assert.deepEqual(answers, [], 'the last commands have no ---- after them');
  for (const bench of story.cores) if (bench.inputs.length > 0) bench.replay();
  return out.join('\n');
}

describe('consensus stories', () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

  it('are there', () => assert.ok(files.length >= 12));

  for (const file of files.sort())
    it(file.replace('.txt', '').replaceAll('-', ' '), () => {
      const text = readFileSync(FOLDER + file, 'utf8');
      const told = retell(text);
      if (REWRITE) writeFileSync(FOLDER + file, told);
      else assert.equal(told, text);
    });
});
