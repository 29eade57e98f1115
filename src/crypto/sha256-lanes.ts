import { type Instruction, op, v128, wasmModule } from './wasm.ts';

/** Messages that are hashed side by side: 32-bit words of a 128-bit vector. */
const LANES = 4;
const WORD_BYTES = 4;
const BLOCK_BYTES = 64;
const BLOCK_WORDS = BLOCK_BYTES / WORD_BYTES;
const STATE_WORDS = 8;
const HASH_BYTES = STATE_WORDS * WORD_BYTES;
const ROUNDS = 64;
/** One page of WebAssembly's memory holds the round constants, up to so many blocks, and as many hashes. */
const PAGE_BYTES = 65_536;
const BLOCKS_MAX = 512;
const CONSTANTS_BYTES = ROUNDS * WORD_BYTES;
const INPUT_AT = CONSTANTS_BYTES;
const OUTPUT_AT = INPUT_AT + BLOCKS_MAX * BLOCK_BYTES;

/** The function's variables: its parameters, where each lane reads, blocks left, then vectors. */
const INPUT = 0;
const OUTPUT = 1;
const GROUPS = 2;
const BLOCKS = 3;
const LANE_AT = 4;
const BLOCKS_LEFT = LANE_AT + LANES;
const STATE = BLOCKS_LEFT + 1;
const BEFORE = STATE + STATE_WORDS;
const WORDS = BEFORE + STATE_WORDS;
const PARAMETERS = 4;

/** Turns the bytes of each word around: SHA-256 reads them big endian, WebAssembly little endian. */
const SWAP = v128.shuffle(Array.from({ length: LANES * WORD_BYTES }, (_, i) => i ^ 3));

/** The part of the global that is used here: TypeScript has it in the browser's library only. */
declare namespace WebAssembly {
  class Memory {
    readonly buffer: ArrayBuffer;
    constructor(pages: { readonly initial: number });
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: { readonly run: HashGroups };
    constructor(module: Module, imports: { readonly host: { readonly memory: Memory } });
  }
}

type HashGroups = (input: number, output: number, groups: number, blocks: number) => void;

/**
 * SHA-256 of many messages of one length, four at a time in the lanes of 128-bit vectors: a third of the time of a native
 * library that is called for each. The messages, padded to `blocks` blocks of 64 bytes, stand one behind the other in
 * `input` from byte `offset` on; their hashes go to `output`.
 */
export function sha256Lanes(
  output: Uint8Array,
  input: Uint8Array,
  offset: number,
  messages: number,
  blocks: number,
): void {
  const atOnce = Math.floor(BLOCKS_MAX / (blocks * LANES)) * LANES;
  const bytes = blocks * BLOCK_BYTES;
  for (let from = 0; from < messages; from += atOnce) {
    const count = Math.min(atOnce, messages - from);
    SCRATCH.set(input.subarray(offset + from * bytes, offset + (from + count) * bytes), INPUT_AT);
    HASH_GROUPS(INPUT_AT, OUTPUT_AT, Math.ceil(count / LANES), blocks);
    output.set(SCRATCH.subarray(OUTPUT_AT, OUTPUT_AT + count * HASH_BYTES), from * HASH_BYTES);
  }
}

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
function roundConstants(): number[] {
  return primes(ROUNDS).map((prime) => rootFraction(prime, 3n));
}

/** The same of the square roots of the first 8 (FIPS 180-4, 5.3.3). */
function initialState(): number[] {
  return primes(STATE_WORDS).map((prime) => rootFraction(prime, 2n));
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** The whole part of root(value) * 2^32, without the bits above the fraction. */
function rootFraction(value: number, degree: bigint): number {
  const target = BigInt(value) << (32n * degree);
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root + bit) ** degree <= target) root += bit;
  return Number(BigInt.asIntN(32, root));
}

function makeFunction(memory: WebAssembly.Memory): HashGroups {
  const body = [
    op.loop(
      ...startLanes(),
      ...initialState().flatMap((word, i) => [op.i32(word), v128.splat, op.set(STATE + i)]),
      ...[op.get(BLOCKS), op.set(BLOCKS_LEFT)],
      op.loop(...compress(), ...nextBlock(), ...countDown(BLOCKS_LEFT)),
      ...storeHashes(),
      // Where the last lane has arrived, the next group's first begins.
      ...[op.get(LANE_AT + LANES - 1), op.set(INPUT)],
      ...advance(OUTPUT, LANES * HASH_BYTES),
      ...countDown(GROUPS),
    ),
  ];
  const v128Locals = 2 * STATE_WORDS + BLOCK_WORDS;
  new Int32Array(memory.buffer, 0, ROUNDS).set(roundConstants());
  const bytes = wasmModule({ parameters: PARAMETERS, i32Locals: LANES + 1, v128Locals, body });
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { host: { memory } }).exports.run;
}

function startLanes(): Instruction[] {
  const stride = [op.get(BLOCKS), op.i32(BLOCK_BYTES), op.multiply, op.add];
  const out = [op.get(INPUT), op.set(LANE_AT)];
  for (let lane = 1; lane < LANES; lane++) out.push(op.get(LANE_AT + lane - 1), ...stride, op.set(LANE_AT + lane));
  return out;
}

function nextBlock(): Instruction[] {
  return Array.from({ length: LANES }, (_, lane) => advance(LANE_AT + lane, BLOCK_BYTES)).flat();
}

/** The compression function (FIPS 180-4, 6.2.2), its rounds one behind the other. */
function compress(): Instruction[] {
  const out: Instruction[] = [];
  for (let i = 0; i < STATE_WORDS; i++) out.push(op.get(STATE + i), op.set(BEFORE + i));
  for (let round = 0; round < ROUNDS; round++) out.push(...oneRound(round));
  for (let i = 0; i < STATE_WORDS; i++) {
    out.push(op.get(STATE + i), op.get(BEFORE + i), v128.add, op.set(STATE + i));
  }
  return out;
}

/** The standard moves values from name to name; here each stays in its variable, and the names move. */
function oneRound(round: number): Instruction[] {
  const variable = (name: number): number => STATE + ((name - round + ROUNDS) % STATE_WORDS);
  const read = (name: number): Instruction => op.get(variable(name));
  const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
  return [
    ...(round < BLOCK_WORDS ? loadWord(round) : nextWord(round)),
    // T1 = h + S1(e) + Ch(e, f, g) + K + W
    ...[read(h), ...rotations(variable(e), 6, 11, 25), v128.add],
    ...[read(f), read(g), read(e), v128.select, v128.add],
    ...[op.i32(0), v128.loadSplat(round * WORD_BYTES), wordOf(round), v128.add, v128.add],
    op.set(variable(h)),
    ...[read(d), read(h), v128.add, op.set(variable(d))],
    // T1 + S0(a) + Maj(a, b, c): c where a and b differ, else b
    ...[read(h), ...rotations(variable(a), 2, 13, 22), v128.add],
    ...[read(c), read(b), read(a), read(b), v128.xor, v128.select, v128.add],
    op.set(variable(h)),
  ];
}

function wordOf(round: number): Instruction {
  return op.get(WORDS + (round % BLOCK_WORDS));
}

/** A word of the block of every lane. */
function loadWord(round: number): Instruction[] {
  const lanes = Array.from({ length: LANES }, (_, lane) => lane);
  return [
    ...lanes.toReversed().map((lane) => op.get(LANE_AT + lane)),
    v128.loadFirst(round * WORD_BYTES),
    ...lanes.slice(1).map((lane) => v128.loadLane(round * WORD_BYTES, lane)),
    ...[op.set(WORDS + round), op.get(WORDS + round), op.get(WORDS + round), SWAP],
    op.set(WORDS + round),
  ];
}

/** W = s1(W[-2]) + W[-7] + s0(W[-15]) + W[-16] */
function nextWord(round: number): Instruction[] {
  const variable = (back: number): number => WORDS + ((round - back) % BLOCK_WORDS);
  return [
    ...[op.get(variable(16)), op.get(variable(7)), v128.add],
    ...[...rotations(variable(15), 7, 18), ...shifted(variable(15), 3), v128.xor, v128.add],
    ...[...rotations(variable(2), 17, 19), ...shifted(variable(2), 10), v128.xor, v128.add],
    op.set(variable(16)),
  ];
}

/** The exclusive or of a vector rotated right by each of the distances. */
function rotations(variable: number, ...distances: readonly number[]): Instruction[] {
  return distances.flatMap((distance, i) => [
    ...shifted(variable, distance),
    ...[op.get(variable), op.i32(32 - distance), v128.shiftLeft],
    v128.xor,
    ...(i === 0 ? [] : [v128.xor]),
  ]);
}

function shifted(variable: number, distance: number): Instruction[] {
  return [op.get(variable), op.i32(distance), v128.shiftRight];
}

function storeHashes(): Instruction[] {
  const out: Instruction[] = [];
  for (let i = 0; i < STATE_WORDS; i++) {
    const word = STATE + i;
    out.push(op.get(word), op.get(word), SWAP, op.set(word));
    for (let lane = 0; lane < LANES; lane++) {
      out.push(op.get(OUTPUT), op.get(word), v128.storeLane(lane * HASH_BYTES + i * WORD_BYTES, lane));
    }
  }
  return out;
}

function advance(variable: number, bytes: number): Instruction[] {
  return [op.get(variable), op.i32(bytes), op.add, op.set(variable)];
}

/** Leaves what remains of a counter. */
function countDown(variable: number): Instruction[] {
  return [op.get(variable), op.i32(-1), op.add, op.tee(variable)];
}

const MEMORY = new WebAssembly.Memory({ initial: 1 });
/** Means nothing between two calls. One for all: each memory of WebAssembly reserves gigabytes of addresses. */
const SCRATCH = new Uint8Array(MEMORY.buffer, 0, PAGE_BYTES);
/** Compiled by the first call. */
const HASH_GROUPS = makeFunction(MEMORY);
