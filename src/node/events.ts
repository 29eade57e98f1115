import type { AppliedHeight } from '#engine/chain.ts';
import type { NodeEvent } from '#rpc/node-api.ts';

/** What subscribers are told of an applied height. */
export function blockEvent({ body, execution, state }: AppliedHeight): NodeEvent {
  const { txResults, blockEvents, validatorUpdates, consensusParams } = execution;
  return {
    kind: 'block',
    block: body.block,
    blockId: body.blockId,
    txHashes: body.txHashes,
    results: {
      height: state.height,
      txResults,
      blockEvents,
      validatorUpdates,
      consensusParams,
      appHash: state.appHash,
    },
  };
}
