import { homePaths, isEmptyDirectory, makeDirectory, PUBLIC_MODE, SECRET_MODE, writeTextFile } from '#config/home.ts';
import type { Settings } from '#config/settings.ts';
import { formatConfig } from '#config/write-config.ts';
import { type Ed25519KeyPair, generateEd25519 } from '#crypto/ed25519.ts';
import { formatNodeKeyFile, generateNodeKey, nodeKeyFromBytes } from '#network/libp2p/node-key.ts';
import { createSignerFiles } from '#signer/signer.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { usageError } from './errors.ts';

/** The keys of a node, made before its files are written, because other nodes' files name them. */
export interface NodeIdentity {
  readonly validatorKey: Ed25519KeyPair;
  /** Seed and public key, 64 bytes. */
  readonly nodeKey: Uint8Array;
  /** libp2p peer id, `12D3Koo...`. */
  readonly peerId: string;
}

export function newNodeIdentity(): NodeIdentity {
  const nodeKey = generateNodeKey();
  return { validatorKey: generateEd25519(), nodeKey, peerId: nodeKeyFromBytes(nodeKey).peerId };
}

/** Refuses a home that holds anything: its keys and signing record must never be overwritten. */
export async function needEmptyHome(home: string): Promise<void> {
  const { configDirectory, dataDirectory } = homePaths(home);
  for (const directory of [configDirectory, dataDirectory]) {
    if (await isEmptyDirectory(directory)) continue;
    throw usageError(`${directory} is not empty; choose another --home, or move it away (it may hold keys)`);
  }
}

/** Writes a home: config.toml, genesis.json, node_key.json, priv_validator_key.json and an empty data directory. */
export async function writeHome(
  home: string,
  files: { readonly identity: NodeIdentity; readonly settings: Settings; readonly genesis: string },
): Promise<void> {
  const paths = homePaths(home);
  await makeDirectory(paths.dataDirectory);
  await writeTextFile(paths.nodeKeyFile, formatNodeKeyFile(files.identity.nodeKey), SECRET_MODE);
  // With its empty signing record: a key whose record is missing later has lost its memory, and must not sign.
  const { privValidatorKeyFile, privValidatorStateFile } = paths;
  await createSignerFiles(new NodeFiles(), privValidatorKeyFile, privValidatorStateFile, files.identity.validatorKey);
  await writeTextFile(paths.genesisFile, files.genesis, PUBLIC_MODE);
  await writeTextFile(paths.configFile, formatConfig(files.settings), PUBLIC_MODE);
}
