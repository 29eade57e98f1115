import { join } from 'node:path';
import { loadSettings } from '#config/settings.ts';
import { addressText } from './account-key.ts';
import { buildGenesis, type GenesisAccount } from './genesis-builder.ts';
import { type NodeIdentity, newNodeIdentity, writeHome } from './home-builder.ts';
import { Keyring } from './keyring.ts';
import { TEST_ACCOUNT_AMOUNT, type TestAccount } from './test-accounts.ts';

/** Ports of node i start at the base port plus ten times i: p2p, RPC, REST, gRPC. */
export const PORTS_PER_NODE = 10;

/** Price of gas in the base denomination that generated networks ask, the Cosmos SDK's usual example. */
export const GAS_PRICE_AMOUNT = '0.025';

/** Where one node of a generated network listens. */
export interface NodePlace {
  readonly moniker: string;
  /** Name or address by which the others reach it. */
  readonly host: string;
  readonly p2pPort: number;
  readonly rpcPort: number;
  readonly validator: boolean;
}

export interface NetworkSpec {
  readonly output: string;
  readonly chainId: string;
  readonly prefix: string;
  readonly denom: string;
  readonly timeMs: number;
  readonly blockIntervalMinMs: number;
  readonly emptyBlockIntervalMs: number;
  readonly stake: bigint;
  readonly nodes: readonly NodePlace[];
  /** Funded besides the test accounts. */
  readonly accounts: readonly GenesisAccount[];
  /** Public keys' accounts, put first; their keys go into every home's keyring, in the clear. */
  readonly testAccounts: readonly TestAccount[];
  /** `p2p.laddr` and so on for every node, as flags would say it. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface BuiltNode extends NodePlace {
  readonly home: string;
  /** Multiaddr with the peer id. */
  readonly p2p: string;
  /** `http://HOST:PORT`. */
  readonly rpc: string;
}

function hostMultiaddr(host: string): string {
  if (host.includes(':')) return `/ip6/${host}`;
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) ? `/ip4/${host}` : `/dns4/${host}`;
}

function p2pAddress(place: NodePlace, identity: NodeIdentity): string {
  return `${hostMultiaddr(place.host)}/tcp/${place.p2pPort}/p2p/${identity.peerId}`;
}

/** Writes a home for every node of a new network under `output/MONIKER`. Throws `usage` for impossible values. */
export async function buildNetwork(spec: NetworkSpec): Promise<BuiltNode[]> {
  const identities = spec.nodes.map(() => newNodeIdentity());
  const addresses = spec.nodes.map((place, index) => p2pAddress(place, identities[index] as NodeIdentity));
  const genesis = buildGenesis({
    ...spec,
    validators: spec.nodes.flatMap((place, index) => {
      const publicKey = (identities[index] as NodeIdentity).validatorKey.publicKey;
      return place.validator ? [{ name: place.moniker, publicKey, stake: spec.stake }] : [];
    }),
    accounts: [
      ...spec.testAccounts.map(({ key }) => ({
        address: addressText(spec.prefix, key.address),
        amount: TEST_ACCOUNT_AMOUNT,
      })),
      ...spec.accounts,
    ],
  });
  const built: BuiltNode[] = [];
  for (const [index, place] of spec.nodes.entries()) {
    const home = join(spec.output, place.moniker);
    const settings = loadSettings({
      flags: {
        moniker: place.moniker,
        'p2p.laddr': `tcp://${listenHost(place.host)}:${place.p2pPort}`,
        'p2p.persistent_peers': addresses.filter((_, other) => other !== index).join(','),
        'rpc.laddr': `tcp://127.0.0.1:${place.rpcPort}`,
        'mempool.min_gas_prices': GAS_PRICE_AMOUNT + spec.denom,
        ...spec.settings,
      },
    });
    await writeHome(home, { identity: identities[index] as NodeIdentity, settings, genesis });
    for (const { name, key } of spec.testAccounts) await new Keyring(home).addPublicTestKey(name, key);
    built.push({ ...place, home, p2p: addresses[index] as string, rpc: `http://127.0.0.1:${place.rpcPort}` });
  }
  return built;
}

/** A network on this machine stays on it; one with other hosts must be reachable from them. */
function listenHost(host: string): string {
  return host === '127.0.0.1' || host === '::1' || host === 'localhost' ? '127.0.0.1' : '0.0.0.0';
}
