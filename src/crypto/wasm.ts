/**
 * Just enough of WebAssembly's binary format (its core specification, chapter 5, with the vector instructions) to make
 * a module of one function that works on imported memory. Instructions are lists of bytes.
 */
export type Instruction = readonly number[];

const V128_PREFIX = 0xfd;
const I32 = 0x7f;
const V128 = 0x7b;
const VOID = 0x40;

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  return [...out, rest];
}

/** Signed LEB128 of a 32-bit integer. */
function signed(value: number): number[] {
  const out: number[] = [];
  let rest = value | 0;
  for (; rest < -0x40 || rest >= 0x40; rest >>= 7) out.push((rest & 0x7f) | 0x80);
  return [...out, rest & 0x7f];
}

function vector(...items: readonly Instruction[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function withLength(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function section(id: number, ...items: readonly Instruction[]): number[] {
  return [id, ...withLength(vector(...items))];
}

function text(value: string): number[] {
  return withLength([...new TextEncoder().encode(value)]);
}

/** Address, then nothing about alignment: messages begin at any byte. */
function memoryArgument(offset: number): number[] {
  return [0, ...unsigned(offset)];
}

function simd(code: number, ...immediate: readonly number[]): number[] {
  return [V128_PREFIX, ...unsigned(code), ...immediate];
}

export const op = {
  get: (local: number): Instruction => [0x20, ...unsigned(local)],
  set: (local: number): Instruction => [0x21, ...unsigned(local)],
  tee: (local: number): Instruction => [0x22, ...unsigned(local)],
  i32: (value: number): Instruction => [0x41, ...signed(value)],
  add: [0x6a] as Instruction,
  multiply: [0x6c] as Instruction,
  /** Runs the body, and again as long as it leaves a number that is not zero. */
  loop: (...body: readonly Instruction[]): Instruction => [0x03, VOID, ...body.flat(), 0x0d, 0x00, 0x0b],
} as const;

/** On four 32-bit lanes. */
export const v128 = {
  splat: [V128_PREFIX, 0x11] as Instruction,
  loadSplat: (offset: number): Instruction => simd(0x09, ...memoryArgument(offset)),
  loadFirst: (offset: number): Instruction => simd(0x5c, ...memoryArgument(offset)),
  loadLane: (offset: number, lane: number): Instruction => simd(0x56, ...memoryArgument(offset), lane),
  storeLane: (offset: number, lane: number): Instruction => simd(0x5a, ...memoryArgument(offset), lane),
  shuffle: (lanes: readonly number[]): Instruction => simd(0x0d, ...lanes),
  add: simd(0xae) as Instruction,
  xor: simd(0x51) as Instruction,
  or: simd(0x50) as Instruction,
  shiftLeft: simd(0xab) as Instruction,
  shiftRight: simd(0xad) as Instruction,
  /** Bits of the first operand where the third has ones, of the second where it has zeros. */
  select: simd(0x52) as Instruction,
} as const;

export interface FunctionParts {
  /** Parameters and `i32Locals` are 32-bit integers, the locals behind them vectors. */
  readonly parameters: number;
  readonly i32Locals: number;
  readonly v128Locals: number;
  readonly body: readonly Instruction[];
}

/** A module that imports `host.memory` and exports the function as `run`. */
export function wasmModule({ parameters, i32Locals, v128Locals, body }: FunctionParts): Uint8Array<ArrayBuffer> {
  const locals = vector([...unsigned(i32Locals), I32], [...unsigned(v128Locals), V128]);
  const type = [0x60, ...vector(...Array.from({ length: parameters }, () => [I32])), 0];
  const memory = [...text('host'), ...text('memory'), 0x02, 0x00, 1];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, type),
    ...section(2, memory),
    ...section(3, [0]),
    ...section(7, [...text('run'), 0x00, 0]),
    ...section(10, withLength([...locals, ...body.flat(), 0x0b])),
  ]);
}
