import type { StateView } from '#state/store.ts';
import type { GenesisPart } from './genesis-fields.ts';
import { exportAuthGenesis } from './modules/auth/genesis.ts';
import { exportBankGenesis } from './modules/bank/genesis.ts';
import { exportEvidenceGenesis, exportSlashingGenesis } from './modules/slashing/genesis.ts';
import type { Modules } from './modules.ts';

/**
 * `app_state` of a genesis document that gives the state of `view` again, module by module, without `chain`, which the
 * document's own writer adds. Its lists are read as they are written; the view must stay open for that long.
 */
export async function exportAppState(
  view: StateView,
  { auth, bank, slashing, addresses }: Modules,
): Promise<Readonly<Record<string, GenesisPart>>> {
  return {
    auth: await exportAuthGenesis(view, auth),
    bank: await exportBankGenesis(view, bank, addresses),
    slashing: exportSlashingGenesis(view, slashing),
    evidence: exportEvidenceGenesis(view, slashing),
  };
}
