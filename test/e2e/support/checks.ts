import assert from 'node:assert/strict';
import { QueryTotalSupplyRequest, QueryTotalSupplyResponse } from 'cosmjs-types/cosmos/bank/v1beta1/query';
import { RpcClient } from '#cli/rpc-client.ts';
import type { DevnetNode, Net } from './net.ts';
import { appHashAt, blockHashAt, call, callMany, heightOf, type Params, until, waitForHeight } from './rpc.ts';

/** Every coin there is, as the node's bank counts it. */
export async function totalSupply({ rpc }: DevnetNode): Promise<string> {
  const request = QueryTotalSupplyRequest.encode(QueryTotalSupplyRequest.fromPartial({})).finish();
  const answer = await new RpcClient(rpc).abciQuery('/cosmos.bank.v1beta1.Query/TotalSupply', request);
  assert.equal(answer.code, 0, answer.log);
  return QueryTotalSupplyResponse.decode(answer.value)
    .supply.map(({ amount, denom }) => amount + denom)
    .join();
}

/** The same block and the same state at the newest height that all nodes have. */
export async function assertAgreement(net: Net): Promise<void> {
  const heights = await Promise.all(net.nodes.map(({ rpc }) => heightOf(rpc)));
  const height = Math.max(...heights);
  await net.waitForAll(height);
  const views = await Promise.all(
    net.nodes.map(async ({ rpc }) => `${await blockHashAt(rpc, height)} on ${await appHashAt(rpc, height)}`),
  );
  assert.deepEqual(new Set(views).size, 1, `height ${height}: ${views.join(', ')}`);
}

/** All nodes have the same block id and app hash at every height up to the newest that one of them has. */
export async function assertSameHistory(net: Net): Promise<void> {
  const heights = await Promise.all(net.nodes.map(({ rpc }) => heightOf(rpc)));
  const head = Math.max(...heights);
  await net.waitForAll(head);
  const params = Array.from({ length: head }, (_, index) => ({ height: String(index + 1) }));
  const [first, ...others] = await Promise.all(net.nodes.map((node) => historyOf(node, params)));
  for (const [index, history] of others.entries())
    assert.deepEqual(history, first, `${net.node(index + 1).moniker} has another history than ${net.node(0).moniker}`);
}

async function historyOf({ rpc }: DevnetNode, params: readonly Params[]): Promise<string[]> {
  const answers = await callMany<CommitAnswer>(rpc, 'commit', params);
  return answers.map(({ signed_header: { header, commit } }) => {
    return `height ${header.height}: block ${commit.block_id.hash} on ${header.app_hash}`;
  });
}

interface CommitAnswer {
  readonly signed_header: {
    readonly header: { readonly height: string; readonly app_hash: string };
    readonly commit: {
      readonly block_id: { readonly hash: string };
      readonly signatures: readonly { readonly validator_address: string; signature: string | null }[];
    };
  };
}

/** The validator votes: its precommit is in a commit that is in a block, as `witness` has it, from `height` on. */
async function assertVotesFrom(height: number, validator: DevnetNode, witness: DevnetNode): Promise<void> {
  const status = await call<{ validator_info: { address: string } }>(validator.rpc, 'status');
  const { address } = status.validator_info;
  let next = height;
  await until(`${validator.moniker} votes at height ${height} or later`, async () => {
    const end = await heightOf(witness.rpc);
    for (; next < end; next++) {
      const { signed_header } = await call<CommitAnswer>(witness.rpc, 'commit', { height: String(next) });
      const mine = signed_header.commit.signatures.find(({ validator_address }) => validator_address === address);
      if (mine !== undefined && mine.signature !== null) return true;
    }
    return false;
  });
}

/** A validator that was started again reaches the others without help, and votes with them. */
export async function assertReturns(validator: DevnetNode, witness: DevnetNode, timeoutMs?: number): Promise<void> {
  const height = (await heightOf(witness.rpc)) + 1;
  await waitForHeight(validator.rpc, height, timeoutMs);
  await assertVotesFrom(height, validator, witness);
}

/** The chain makes progress on this node. */
export async function assertGoesOn({ rpc }: DevnetNode, blocks = 3, timeoutMs?: number): Promise<void> {
  await waitForHeight(rpc, (await heightOf(rpc)) + blocks, timeoutMs);
}
