import type { BenchContext } from '../context.ts';
import { type Figure, measure } from '../repeat.ts';
import type { Section } from '../report.ts';
import { ConnectedCores } from './connected-cores.ts';

interface SizeFigure {
  readonly validators: number;
  readonly figure: Figure;
  readonly inputsPerHeight: number;
}

async function measureSize(validators: number, heights: number, repetitions: number): Promise<SizeFigure> {
  const cores = new ConnectedCores(validators);
  let runs = 0;
  const figure = await measure({
    what: `${validators}`,
    operations: heights * validators,
    repetitions,
    run: () => {
      for (let i = 0; i < heights; i++) cores.decideHeight();
      runs += heights;
    },
  });
  return { validators, figure, inputsPerHeight: cores.inputs / (runs * validators) };
}

export async function consensusPart({ quick, progress }: BenchContext): Promise<Section> {
  progress('consensus');
  const repetitions = quick ? 3 : 9;
  const figures = [
    await measureSize(4, 500, repetitions),
    await measureSize(30, 20, repetitions),
    await measureSize(100, 2, repetitions),
  ];
  return {
    name: 'consensus',
    notes: [
      'The pure core alone: all inputs of one height on one validator, from the news of the height to the decision; nothing is signed, verified, sent or stored; CPU time.',
    ],
    tables: [
      {
        title: 'One height, microseconds for each validator',
        columns: ['validators', 'median us', 'min', 'max', 'repetitions', 'inputs', 'us/input'],
        rows: figures.map(({ validators, figure, inputsPerHeight }) => [
          validators,
          figure.median,
          figure.min,
          figure.max,
          figure.repetitions,
          inputsPerHeight,
          figure.median / inputsPerHeight,
        ]),
      },
    ],
  };
}
