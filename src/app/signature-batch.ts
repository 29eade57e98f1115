import type { Verifier } from '#crypto/verifier.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import type { AnteParts } from './ante/ante.ts';
import { type SignatureItem, signatureItem } from './ante/signatures.ts';
import { GasMeter } from './gas.ts';
import type { WorkingState } from './store/working-state.ts';
import type { DecodedTx } from './tx.ts';

/** Transactions whose signatures are handed over at once: 3 ms in the calling thread, and worth a trip to another one. */
const GROUP_TXS = 64;

/** A signature to check, of signer `index`. */
export interface OpenSignature {
  readonly index: number;
  readonly item: SignatureItem;
}

/** Signatures of the transaction that can be checked now: signers that have an account and a key that is theirs. */
export function signatureItems(ante: AnteParts, state: WorkingState, tx: DecodedTx): OpenSignature[] {
  if (ante.believed?.has(toLatin1(tx.hash)) === true) return [];
  if (tx.signers.length !== tx.signatures.length || tx.signers.length !== tx.signerInfos.length) return [];
  const access = { state, gas: new GasMeter(undefined) };
  const items: OpenSignature[] = [];
  for (const [index, signer] of tx.signers.entries()) {
    const account = ante.auth.getAccount(access, signer);
    const pubKey = account?.pubKey ?? tx.signerInfos[index]?.pubKey;
    if (account === undefined || pubKey === undefined) continue;
    items.push({ index, item: signatureItem(ante, tx, index, { ...account, pubKey }) });
  }
  return items;
}

/**
 * Checks the signatures that nobody looked at yet, and remembers the verdicts. Those of accounts that `state` does not
 * have are left for whoever runs the transaction. `stateNow` is asked again after each pause.
 */
export async function verifyUnchecked(
  { ante, verifier }: { readonly ante: AnteParts; readonly verifier: Verifier },
  txs: readonly DecodedTx[],
  stateNow: () => WorkingState,
  pause: Pause,
): Promise<void> {
  const open = txs.filter((tx) => tx.checkedSignature(0) === undefined);
  const groups: Promise<void>[] = [];
  for (let from = 0; from < open.length; from += GROUP_TXS) {
    const state = stateNow();
    const items = open
      .slice(from, from + GROUP_TXS)
      .flatMap((tx) => signatureItems(ante, state, tx).map((signature) => ({ tx, ...signature })));
    const group = verifyGroup(verifier, items);
    // Its rejection is met below; until then it must not count as unhandled.
    group.catch(() => undefined);
    groups.push(group);
    await pause();
  }
  await Promise.all(groups);
}

async function verifyGroup(
  verifier: Verifier,
  open: readonly (OpenSignature & { readonly tx: DecodedTx })[],
): Promise<void> {
  if (open.length === 0) return;
  const verdicts = await verifier.verify(open.map(({ item }) => item));
  open.forEach(({ tx, index, item: { publicKey, accountNumber } }, i) => {
    tx.rememberSignature(index, { pubKey: publicKey, accountNumber, valid: verdicts[i] === true });
  });
}
