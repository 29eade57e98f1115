import { EMPTY_BYTES } from '#util/bytes.ts';
import { evidenceFromJson } from './evidence-from-json.ts';
import { hex, type Json } from './json.ts';
import {
  appInfoJson,
  consensusStateJson,
  dumpConsensusStateJson,
  netInfoJson,
  queryResponseJson,
  statusJson,
} from './json-node.ts';
import type { Method } from './method.ts';
import type { NodeApi } from './node-api.ts';
import type { ParamSpec, ParamValue } from './params.ts';

const QUERY_PARAMS: readonly ParamSpec[] = [
  { name: 'path', kind: 'string' },
  { name: 'data', kind: 'hexBytes' },
  { name: 'height', kind: 'int' },
  { name: 'prove', kind: 'bool' },
];

/** Methods about the node itself, its peers, its consensus and its ledger. */
export class NodeMethods {
  private readonly node: NodeApi;

  constructor(node: NodeApi) {
    this.node = node;
  }

  entries(): readonly (readonly [string, Method])[] {
    const { node } = this;
    return [
      this.entry('health', [], () => ({})),
      this.entry('status', [], () => statusJson(node.status(), node.genesis.chainId)),
      this.entry('net_info', [], () => netInfoJson(node.netInfo(), node.genesis.chainId)),
      this.entry('consensus_state', [], () => consensusStateJson(node.consensusState())),
      this.entry('dump_consensus_state', [], () => dumpConsensusStateJson(node.consensusState(), node.netInfo().peers)),
      this.entry('abci_info', [], () => appInfoJson(node.appInfo())),
      this.entry('abci_query', QUERY_PARAMS, (values) => this.query(values)),
      this.entry('broadcast_evidence', [{ name: 'evidence', kind: 'json' }], async ([evidence]) => ({
        hash: hex(await node.addEvidence(evidenceFromJson(evidence))),
      })),
    ];
  }

  private entry(
    name: string,
    params: readonly ParamSpec[],
    handle: (values: readonly ParamValue[]) => Json | Promise<Json>,
  ): readonly [string, Method] {
    return [name, { params, cache: 'never', answer: async (values) => JSON.stringify(await handle(values)) }];
  }

  private async query([path, data, height, prove]: readonly ParamValue[]): Promise<Json> {
    const response = await this.node.query({
      path: (path as string | undefined) ?? '',
      data: (data as Uint8Array | undefined) ?? EMPTY_BYTES,
      height: (height as number | undefined) ?? 0,
      prove: prove === true,
    });
    return queryResponseJson(response);
  }
}
