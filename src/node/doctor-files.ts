import { validatorAddress } from '#crypto/address.ts';
import { verifyEd25519 } from '#crypto/ed25519.ts';
import { LOOK_BACK_HEIGHTS, lastSignedInLog, lastSignedOnChain } from '#engine/look-back.ts';
import { decodeWalRecord } from '#engine/wal-record.ts';
import { parseNodeKeyFile } from '#network/libp2p/node-key.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { checkPrivate, readKeyFile } from '#signer/key-file.ts';
import { compareSigned, type LastSigned, readLastSigned, type SignedPlace } from '#signer/last-signed.ts';
import { keptBlock, lastKeptBlock } from '#storage/kept-blocks.ts';
import type { NodeFiles } from '#storage/node-files.ts';
import { readWal } from '#storage/wal.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { type Proposal, proposalSignBytes } from '#types/proposal.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { BizraError } from '#util/errors.ts';
import { COPY_SUFFIX, DATABASE_NAME, SIBLING_SUFFIXES, SYNCING_SUFFIX } from './database-names.ts';
import type { Check } from './doctor.ts';

export interface DoctorFiles {
  readonly genesisFile: string;
  readonly nodeKeyFile: string;
  readonly privValidatorKeyFile: string;
  readonly privValidatorStateFile: string;
  readonly dataDirectory: string;
}

/** What of the chain the key and the log are compared with; undefined where the database cannot tell. */
export interface KnownChain {
  readonly kv: KeyValue;
  readonly height: number;
  readonly nextValidators: ValidatorSet;
}

/** A file that replaces another, until it does. */
const TEMPORARY_SUFFIX = '.tmp';
const UNREADABLE_ADVICE =
  'move data/wal away and keep priv_validator_state.json: the node then signs nothing at the height that this record names';
const BEGUN_ANEW_ADVICE =
  'nothing: the key has signed nothing at the height under way, so the next start begins the log anew';
const MUTED_ADVICE =
  'start the node: it signs nothing until the height under way is decided, then the log begins anew; where its validator has a third of the power or more nobody decides that height, and docs/backup.md has the last resort';

/** Checks of what lies beside the database. */
export function fileChecks(files: NodeFiles, paths: DoctorFiles, chain: KnownChain | undefined): Check[] {
  return [
    { name: 'genesis file', run: async () => void (await readGenesis(files, paths.genesisFile)) },
    { name: 'node key', run: () => checkNodeKey(files, paths.nodeKeyFile) },
    { name: 'validator key', run: async () => void (await readKeyFile(files, paths.privValidatorKeyFile)) },
    { name: 'log', run: (find) => checkLog(files, paths, chain, find) },
    { name: 'signing record', run: (find) => checkRecord(files, paths, chain, find) },
    { name: 'leftovers', run: (find) => checkLeftovers(files, paths, chain !== undefined, find) },
  ];
}

async function readGenesis(files: NodeFiles, path: string): Promise<Genesis> {
  return parseGenesis(await readText(files, path));
}

async function checkNodeKey(files: NodeFiles, path: string): Promise<void> {
  await checkPrivate(files, path);
  parseNodeKeyFile(await readText(files, path));
}

async function readText(files: NodeFiles, path: string): Promise<string> {
  const bytes = await files.read(path);
  if (bytes === undefined) throw new BizraError('home_invalid', `${path}: there is no such file`);
  return new TextDecoder().decode(bytes);
}

async function checkLog(
  files: NodeFiles,
  { dataDirectory, privValidatorStateFile }: DoctorFiles,
  chain: KnownChain | undefined,
  find: Find,
): Promise<void> {
  const wal = await readWal(files, walDirectory(dataDirectory));
  if (wal === undefined) return;
  // An end that was not fully written is what a crash leaves; the next start cuts it.
  if (wal.fault === 'middle') {
    const last = await readLastSigned(files, privValidatorStateFile).catch(() => undefined);
    const isBegunAnew = last !== undefined && chain !== undefined && last.height <= chain.height;
    const what = `${wal.path} is damaged at byte ${wal.goodBytes} of ${wal.size}`;
    find(what, isBegunAnew ? BEGUN_ANEW_ADVICE : MUTED_ADVICE);
  }
  for (const record of wal.records) {
    try {
      decodeWalRecord(record);
    } catch (error) {
      if (!(error instanceof BizraError)) throw error;
      find(`${wal.path}: ${error.message}`, UNREADABLE_ADVICE);
      return;
    }
  }
}

/** What the start of a node looks at as well (KeyGuard), over all blocks that are here. */
async function checkRecord(
  files: NodeFiles,
  { dataDirectory, genesisFile, privValidatorKeyFile, privValidatorStateFile }: DoctorFiles,
  chain: KnownChain | undefined,
  find: Find,
): Promise<void> {
  await checkPrivate(files, privValidatorStateFile);
  const last = await readLastSigned(files, privValidatorStateFile);
  const { publicKey } = await readKeyFile(files, privValidatorKeyFile);
  const address = validatorAddress({ type: 'ed25519', bytes: publicKey });
  if (last === undefined) {
    const isValidator = (chain?.nextValidators.indexOf(address) ?? 0) >= 0;
    if (isValidator) find(`${privValidatorStateFile} is missing, and the key is a validator's`, RECORD_ADVICE);
    return;
  }
  const { chainId } = await readGenesis(files, genesisFile);
  const records = (await readWal(files, walDirectory(dataDirectory)))?.records ?? [];
  const isOwn = (proposal: Proposal): boolean =>
    verifyEd25519(publicKey, proposalSignBytes(chainId, proposal), proposal.signature);
  const shown = signedOnChain(chain, address, last) ?? lastSignedInLog(records, address, last, isOwn);
  if (shown === undefined || compareSigned(shown, last) <= 0) return;
  find(
    `${privValidatorStateFile} ends at ${placeText(last)}, but the key has signed ${placeText(shown)}: it is an old copy, or another process signs with the key`,
    RECORD_ADVICE,
  );
}

const RECORD_ADVICE =
  'put the newest record back, or, when no other process has the key, start once with --recover-signing-record';

/** Blocks above the head, which a rollback left, count as well. */
function signedOnChain(chain: KnownChain | undefined, address: Uint8Array, last: LastSigned): SignedPlace | undefined {
  if (chain === undefined) return undefined;
  const { kv } = chain;
  const range = { head: lastKeptBlock(kv, chain.height), after: last.height - 1, count: LOOK_BACK_HEIGHTS };
  return lastSignedOnChain((height) => keptBlock(kv, height)?.commit, address, range);
}

/** Left by commands and starts that were killed; nothing counts that is in them. */
async function checkLeftovers(
  files: NodeFiles,
  { dataDirectory }: DoctorFiles,
  hasChain: boolean,
  find: Find,
): Promise<void> {
  // A copy is what this command itself works on; without a database the next start goes on with one that is synced.
  const isWanted = (suffix: string): boolean => suffix === COPY_SUFFIX || (suffix === SYNCING_SUFFIX && !hasChain);
  const left = SIBLING_SUFFIXES.filter((suffix) => !isWanted(suffix)).map((suffix) => DATABASE_NAME + suffix);
  for (const name of await files.list(dataDirectory)) {
    if (!left.includes(name) && !name.endsWith(TEMPORARY_SUFFIX)) continue;
    find(`${dataDirectory}/${name} was left by a process that was killed`, 'remove it when no such process runs');
  }
}

type Find = Parameters<Check['run']>[0];

function walDirectory(dataDirectory: string): string {
  return `${dataDirectory}/wal`;
}

function placeText({ height, round, step }: SignedPlace): string {
  return `height/round/step ${height}/${round}/${step}`;
}
