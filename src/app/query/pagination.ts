import type { PageRequest, PageResponse } from 'cosmjs-types/cosmos/base/query/v1beta1/pagination';
import type { StateView, StoreName } from '#state/store.ts';
import { concatBytes, EMPTY_BYTES } from '#util/bytes.ts';
import { QueryRefusal } from './errors.ts';

/** The SDK's page size when a request names none. */
const DEFAULT_LIMIT = 100;
/** Larger pages are cut; the next key leads on. */
const MAX_LIMIT = 1_000;
/** Records that one query may look at, for offsets and totals: some 0.2 s of reads between other work. */
const MAX_SCANNED = 20_000;

export interface PageEntry {
  /** The key after the prefix. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One page of the records under `prefix`, in key order. The union of all pages is the whole list, either way round. */
export async function paginate(
  view: StateView,
  store: StoreName,
  prefix: Uint8Array,
  request: PageRequest | undefined,
): Promise<{ entries: PageEntry[]; page: PageResponse }> {
  const { key = EMPTY_BYTES, offset = 0n, reverse = false } = request ?? {};
  if (key.length > 0 && offset > 0n) {
    throw new QueryRefusal('InvalidArgument', 'invalid request, either offset or key is expected, got both');
  }
  const asked = request?.limit ?? 0n;
  const limit = asked === 0n ? DEFAULT_LIMIT : Number(asked < BigInt(MAX_LIMIT) ? asked : BigInt(MAX_LIMIT));
  // As in the SDK: a request without a limit is counted, one with a key never is.
  const counts = key.length === 0 && (asked === 0n || request?.countTotal === true);
  const range = key.length > 0 ? { prefix, reverse, start: concatBytes(prefix, key) } : { prefix, reverse };
  const entries: PageEntry[] = [];
  let nextKey = EMPTY_BYTES;
  let seen = 0;
  for await (const [full, value] of view.iterate(store, range)) {
    const at = BigInt(seen);
    seen++;
    if (seen > MAX_SCANNED) throw tooMuch();
    if (at < offset) continue;
    if (entries.length < limit) {
      entries.push({ key: full.slice(prefix.length), value });
    } else {
      if (nextKey.length === 0) nextKey = full.slice(prefix.length);
      if (!counts) break;
    }
  }
  return { entries, page: { nextKey, total: counts ? BigInt(seen) : 0n } };
}

function tooMuch(): QueryRefusal {
  const advice = 'page with the next key, without offset and count_total';
  return new QueryRefusal('ResourceExhausted', `query would read more than ${MAX_SCANNED} records; ${advice}`);
}
