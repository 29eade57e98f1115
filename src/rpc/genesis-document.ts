import type { Genesis } from '#types/genesis.ts';
import { genesisJson } from './json-node.ts';

/** CometBFT's chunk of a genesis document, and the most that `genesis` answers in one piece. */
const CHUNK_BYTES = 16 * 1024 * 1024;

/** The genesis document as it is served: written out once, for it never changes, and kept as the bytes of its text. */
export class GenesisDocument {
  private readonly bytes: Uint8Array;
  private readonly characters: number;

  constructor(genesis: Genesis) {
    const text = JSON.stringify(genesisJson(genesis));
    this.characters = text.length;
    this.bytes = new TextEncoder().encode(text);
  }

  /** Undefined where it is too long for one answer. */
  get text(): string | undefined {
    return this.characters > CHUNK_BYTES ? undefined : new TextDecoder().decode(this.bytes);
  }

  get chunkCount(): number {
    return Math.ceil(this.bytes.length / CHUNK_BYTES);
  }

  chunk(index: number): Uint8Array {
    return this.bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  }
}
