/**
 * Loaded with `--import` into a process that runs tests: the source text of one file is changed as it is read. Nothing
 * on disk changes, so any number of mutants can run side by side.
 */
import { registerHooks } from 'node:module';
import { applyMutation, MUTATION_VARIABLE, type SourceChange } from './source-change.ts';

const change = JSON.parse(process.env[MUTATION_VARIABLE] ?? 'null') as SourceChange | null;

if (change !== null) {
  const target = new URL(`../../${change.file}`, import.meta.url).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      const source =
        typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source as Uint8Array);
      return { ...loaded, source: applyMutation(source, change) };
    },
  });
}
