import { writeSync } from 'node:fs';
import { DamageRig } from './damage-rig.ts';

// Runs nodes over damaged copies of a home, one after the other, and prints what came of each.
const [directory = '', from = '', to = '', verify = ''] = process.argv.slice(2);
const rig = await DamageRig.open(directory);
rig.onWrong = (question) => void writeSync(2, `WRONG ${question}\n`);
for (let index = Number(from); index < Number(to); index++) {
  const { name, at, bit, phase } = rig.someTrial(index, verify === 'off');
  const trial = await rig.trial(name, at, bit, phase, verify !== 'off');
  writeSync(1, `${JSON.stringify(trial)}\n`);
}
process.exit(0);
