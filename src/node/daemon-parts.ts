import { readFile } from 'node:fs/promises';
import { CatchUpVerifier } from '#crypto/catch-up-verifier.ts';
import { WorkerVerifier } from '#crypto/worker-verifier.ts';
import { Libp2pTransport } from '#network/libp2p/libp2p-transport.ts';
import { type NodeKey, nodeKeyFromBytes, parseNodeKeyFile } from '#network/libp2p/node-key.ts';
import { RpcServer } from '#rpc/server.ts';
import { checkPrivate } from '#signer/key-file.ts';
import type { NodeFiles } from '#storage/node-files.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger, type Logger } from '#telemetry/logger.ts';
import type { Genesis } from '#types/genesis.ts';
import { blockBytesMax } from '#types/params.ts';
import { BizraError } from '#util/errors.ts';
import { parseTcpAddress, toMultiaddr } from './addresses.ts';
import type { NodeRpcApi } from './rpc-api.ts';
import type { NodeSettings } from './settings.ts';
import { namedError } from './start-errors.ts';

// What a daemon has beside its node, as settings and files want it. Each part stands alone; the order in which they are
// opened and closed is the daemon's.

export type DaemonVerifier = CatchUpVerifier | WorkerVerifier;

export function makeLogger(settings: NodeSettings, timestamp: () => string): Logger {
  const sink = (line: string): void => void process.stderr.write(`${line}\n`);
  const format = settings.logFormat === 'json' ? 'json' : 'text';
  return createLogger({ sink, timestamp }, { format, levels: parseLogLevels(settings.logLevel) }, 'node');
}

export function makeVerifier({ crypto }: NodeSettings): DaemonVerifier {
  return crypto.verifierWorkers === 0 ? new CatchUpVerifier() : new WorkerVerifier({ threads: crypto.verifierWorkers });
}

export function makeTransport(
  { p2p }: NodeSettings,
  genesis: Genesis,
  key: NodeKey,
  addressBookPath: string,
  logger: Logger,
): Libp2pTransport {
  const log = logger.child('p2p');
  return new Libp2pTransport({
    key,
    listen: [toMultiaddr(p2p.laddr)],
    ...(p2p.externalAddress === '' ? {} : { announce: [toMultiaddr(p2p.externalAddress)] }),
    persistentPeers: p2p.persistentPeers,
    bootstrapPeers: p2p.bootstrapPeers,
    chainId: genesis.chainId,
    genesisHash: genesis.hash,
    dht: p2p.dht,
    addressBookPath,
    maxBlockBytes: blockBytesMax(genesis.consensusParams),
    maxInboundPeers: p2p.maxNumInboundPeers,
    maxOutboundPeers: p2p.maxNumOutboundPeers,
    observe: ({ kind, peer, detail, error }) =>
      log.debug(kind, { peer, detail, reason: error === undefined ? undefined : String(error) }),
  });
}

export function makeServer({ rpc }: NodeSettings, node: NodeRpcApi, logger: Logger): RpcServer {
  const { laddr, ...limits } = rpc;
  const address = parseTcpAddress(laddr);
  if (address === undefined) throw new BizraError('config_invalid', `rpc.laddr = ${laddr}: expected tcp://HOST:PORT`);
  const log = logger.child('rpc');
  const onFailure = (method: string, error: unknown): void =>
    log.error('a request failed', { method, reason: error instanceof Error ? error : String(error) });
  return new RpcServer({ node, onFailure }, { ...limits, ...address });
}

export async function readNodeKey(files: NodeFiles, path: string): Promise<NodeKey> {
  // Whoever has it can take this node's place in the network.
  await checkPrivate(files, path);
  try {
    return nodeKeyFromBytes(parseNodeKeyFile(await readFile(path, 'utf8')));
  } catch (error) {
    throw namedError(error, path, 'node_key_invalid');
  }
}
