import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGenesisAccounts } from '#cli/genesis-accounts.ts';
import {
  DEFAULT_BLOCK_INTERVAL_MIN_MS,
  DEFAULT_DENOM,
  DEFAULT_EMPTY_BLOCK_INTERVAL_MS,
  DEFAULT_PREFIX,
  DEFAULT_STAKE,
} from '#cli/genesis-builder.ts';
import { type BuiltNode, buildNetwork, GAS_PRICE_AMOUNT, PORTS_PER_NODE } from '#cli/network-builder.ts';
import { homePaths } from '#config/home.ts';
import { choosePorts } from '../../../devnet/ports.ts';
import { LoadedNetwork, VALIDATORS } from './loaded-network.ts';
import { LOG_FILE, Net } from './net.ts';
import type { NodeProgram } from './process.ts';
import { Mesh } from './proxy.ts';
import { heightOf, until } from './rpc.ts';

const CHAIN_ID = 'bizra-faults';
/** Eight accounts: 40 payments a second, and at most 80 that wait while nothing is decided. */
const LOAD = { paceMs: 200, maxWaiting: 10 };
const READY_TIMEOUT_MS = 120_000;
/**
 * The discard port, where nothing listens: what nodes tell each other of themselves leads nowhere, so that no
 * connection can go around the proxies.
 */
const NOWHERE = 'tcp://127.0.0.1:9';

export interface FaultNetOptions {
  readonly validators: number;
  /** For `--genesis-accounts`: lines of address and amount. */
  readonly accountsFile: string;
  /** Runs the last validator, which is then not among `nodes`: nothing is expected of it. */
  readonly byzantine?: NodeProgram;
  /** Without proxies between them, as on one machine or one switch. */
  readonly direct?: boolean;
  /** Into every `config.toml`, the byzantine one's too. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Validators that reach each other through proxies alone, with default settings and the default pace. */
export class FaultNet extends Net {
  readonly mesh: Mesh;
  /** Where the byzantine validator lives. */
  readonly byzantineHome: string | undefined;
  private readonly flags: readonly (readonly string[])[];
  /** What runs a validator instead of the real program. */
  private readonly programs = new Map<number, NodeProgram>();

  private constructor(directory: string, built: readonly BuiltNode[], mesh: Mesh, options: FaultNetOptions) {
    const honest = options.byzantine === undefined ? built : built.slice(0, -1);
    super(directory, {
      chain_id: CHAIN_ID,
      prefix: DEFAULT_PREFIX,
      denom: DEFAULT_DENOM,
      gas_price: GAS_PRICE_AMOUNT + DEFAULT_DENOM,
      nodes: honest.map(({ moniker, home, rpc, p2p }) => ({ moniker, home, pid: 0, rpc, rest: null, p2p })),
      accounts: [],
    });
    this.mesh = mesh;
    this.byzantineHome = built[honest.length]?.home;
    this.flags = built.map((_, from) => {
      if (options.direct === true) return [];
      const peers = built.flatMap(({ p2p }, to) => {
        const id = p2p.slice(p2p.lastIndexOf('/') + 1);
        return to === from ? [] : [`/ip4/127.0.0.1/tcp/${mesh.port(from, to)}/p2p/${id}`];
      });
      return ['--p2p.persistent_peers', peers.join(','), '--p2p.external_address', NOWHERE];
    });
  }

  static async start(options: FaultNetOptions): Promise<FaultNet> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-faults-'));
    const built = await buildHomes(directory, options);
    const mesh = await Mesh.open(built.map(({ p2pPort }) => p2pPort));
    const net = new FaultNet(directory, built, mesh, options);
    try {
      await Promise.all(net.nodes.map((_, index) => net.restart(index)));
      const { byzantine } = options;
      if (byzantine !== undefined) await net.launch(net.nodes.length, net.byzantineHome ?? '', byzantine);
      for (const { rpc, moniker } of net.nodes)
        await until(`${moniker} has its first block`, async () => (await heightOf(rpc)) > 0, READY_TIMEOUT_MS);
      return net;
    } catch (error) {
      await net.stop().catch(() => {}); // what went wrong first is what is told
      throw error;
    }
  }

  override async stop(): Promise<void> {
    this.mesh.heal();
    try {
      await super.stop();
    } finally {
      await this.mesh.close();
    }
  }

  override async restart(index: number, ...flags: string[]): Promise<void> {
    const node = this.node(index);
    node.pid = await this.launch(index, node.home, this.programs.get(index), flags);
  }

  /** What the byzantine validator wrote so far. */
  byzantineLog(): Promise<string> {
    return readFile(join(this.byzantineHome ?? '', LOG_FILE), 'utf8');
  }

  /** Stops a validator and starts it again with another program; without one, with the real one. */
  async replace(index: number, program?: NodeProgram): Promise<void> {
    const { pid } = this.node(index);
    await this.end(pid);
    if (program === undefined) this.programs.delete(index);
    else this.programs.set(index, program);
    await this.restart(index);
  }

  private launch(
    index: number,
    home: string,
    program: NodeProgram | undefined,
    flags: readonly string[] = [],
  ): Promise<number> {
    return this.spawn(home, [...(this.flags[index] ?? []), ...flags], program);
  }
}

async function buildHomes(directory: string, options: FaultNetOptions): Promise<BuiltNode[]> {
  const basePort = await choosePorts(0, options.validators);
  try {
    return await buildNetwork({
      output: directory,
      chainId: CHAIN_ID,
      prefix: DEFAULT_PREFIX,
      denom: DEFAULT_DENOM,
      timeMs: Date.now(),
      blockIntervalMinMs: DEFAULT_BLOCK_INTERVAL_MIN_MS,
      emptyBlockIntervalMs: DEFAULT_EMPTY_BLOCK_INTERVAL_MS,
      stake: DEFAULT_STAKE,
      nodes: Array.from({ length: options.validators }, (_, index) => {
        const p2pPort = basePort + PORTS_PER_NODE * index;
        return { moniker: `validator${index}`, host: '127.0.0.1', p2pPort, rpcPort: p2pPort + 1, validator: true };
      }),
      accounts: await readGenesisAccounts(options.accountsFile, DEFAULT_PREFIX, DEFAULT_DENOM),
      testAccounts: [],
      // Audits read whole chains over the RPC.
      settings: { 'p2p.dht': 'false', 'rpc.max_request_batch_size': '1000', ...options.settings },
    });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Hex of the address of the validator that lives there. */
export async function validatorAddressOf(home: string): Promise<string> {
  const key = JSON.parse(await readFile(homePaths(home).privValidatorKeyFile, 'utf8')) as { readonly address: string };
  return key.address.toLowerCase();
}

/**
 * Validators with a load that always leaves work for the next block, and little more: what is measured is how the
 * network recovers, not how it digests what piled up meanwhile.
 */
export function loadedFaultNet(
  options: Pick<FaultNetOptions, 'byzantine' | 'direct'> = {},
): Promise<LoadedNetwork<FaultNet>> {
  return LoadedNetwork.over(
    (accountsFile) => FaultNet.start({ validators: VALIDATORS.length, accountsFile, ...options }),
    LOAD,
  );
}
