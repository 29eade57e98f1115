import type { LightBlock } from '#types/light-block.ts';
import { BizraError } from '#util/errors.ts';
import { check, isLightError, lightError } from './errors.ts';
import type { LightProvider } from './provider.ts';

/** A provider that is not asked again, and why. */
export interface DroppedProvider {
  readonly name: string;
  readonly reason: string;
}

/** Who is asked: the primary for what is to be verified, the witnesses whether they see the same. */
export class Sources {
  readonly dropped: DroppedProvider[] = [];
  /** Whether the client was given witnesses at all: then it believes nobody without one. */
  readonly wantsWitnesses: boolean;
  private current: LightProvider;
  private others: LightProvider[];

  constructor(primary: LightProvider, witnesses: readonly LightProvider[]) {
    this.current = primary;
    this.others = [...witnesses];
    this.wantsWitnesses = witnesses.length > 0;
  }

  get primary(): LightProvider {
    return this.current;
  }

  get witnesses(): readonly LightProvider[] {
    return this.others;
  }

  dropWitness(witness: LightProvider, reason: string): void {
    if (!this.others.includes(witness)) return;
    this.others = this.others.filter((other) => other !== witness);
    this.dropped.push({ name: witness.name, reason });
  }

  /**
   * After the primary failed with `error`: makes the first witness that is not in `tried` the primary. One that lied is
   * dropped, one that only does not have the block or does not answer becomes the last witness. False where there is
   * nobody else to ask; then the primary stays.
   */
  replacePrimary(error: unknown, tried: ReadonlySet<LightProvider>): boolean {
    const next = this.others.find((witness) => !tried.has(witness));
    if (next === undefined) return false;
    const failed = this.current;
    this.others = this.others.filter((witness) => witness !== next);
    this.current = next;
    if (isLightError(error, 'bad_light_block')) this.dropped.push({ name: failed.name, reason: error.message });
    else this.others.push(failed);
    return true;
  }
}

/** Asks for one block, and for nothing but that height. Throws `no_light_block`, `bad_light_block` or `provider_failed`. */
export async function ask(provider: LightProvider, height: number | undefined): Promise<LightBlock> {
  let block: LightBlock;
  try {
    block = await provider.lightBlock(height);
  } catch (error) {
    if (isLightError(error, 'no_light_block', 'bad_light_block')) throw error;
    const reason = error instanceof BizraError ? error.message : `${provider.name} failed: ${String(error)}`;
    throw lightError('provider_failed', reason, { cause: error });
  }
  check(
    height === undefined || block.header.height === height,
    'bad_light_block',
    () => `${provider.name} answers with height ${block.header.height} where ${height} was asked for`,
  );
  return block;
}
