import { writeSync } from 'node:fs';
import { openLevel } from '#storage/level.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { copyFor, flipIn, readPlan } from './flip-trials.ts';
import { askAll, EVERYTHING, keyOf, LEVEL_OPTIONS } from './level-questions.ts';

// Flips bits in open databases, one after the other, and prints what came of the questions.
const [planFile = '', from = ''] = process.argv.slice(2);
const { directory, model, flips } = readPlan(planFile);
for (const [index, flip] of flips.entries()) {
  if (index < Number(from)) continue;
  const path = copyFor(directory, index);
  const kv = await openLevel(path, LEVEL_OPTIONS);
  for (let key = 0; key < 300; key += 10) kv.get(fromLatin1(keyOf(key)));
  flipIn(path, flip);
  // LevelDB may refuse to merge what it cannot expand.
  if (flip.merge) await kv.compact(...EVERYTHING).catch(() => undefined);
  const answers = await askAll(kv, model);
  await kv.close();
  writeSync(1, `${JSON.stringify(answers)}\n`);
}
