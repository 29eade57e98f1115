const ROUNDS = 'BIZRA_E2E_ROUNDS';
const DEFAULT_ROUNDS = 20;
const BLOCKS = 'BIZRA_E2E_BLOCKS';
const DEFAULT_BLOCKS = 500;

/** How often the long tests repeat their kills. */
export function rounds(): number {
  return fromEnvironment(ROUNDS, DEFAULT_ROUNDS);
}

/** For how many blocks a validator is away. */
export function blocksAway(): number {
  return fromEnvironment(BLOCKS, DEFAULT_BLOCKS);
}

function fromEnvironment(name: string, otherwise: number): number {
  const text = process.env[name] ?? '';
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : otherwise;
}
