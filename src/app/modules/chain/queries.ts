import { QueryParamsResponse } from 'cosmjs-types/cosmos/consensus/v1/query';
import { ConsensusParams } from 'cosmjs-types/tendermint/types/params';
import { encodeConsensusParams } from '#types/params.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { QueryRefusal } from '../../query/errors.ts';
import { type QueryHandler, readRecord } from '../../query/handler.ts';
import type { ChainModuleState } from './state.ts';

/** CometBFT's parameters, as the SDK's consensus module answers them. */
export function chainQueries(chain: ChainModuleState): Readonly<Record<string, QueryHandler>> {
  return {
    '/cosmos.consensus.v1.Query/Params': async (_data, { view }) => {
      const params = await chain.queryConsensusParams((collection, key) => readRecord(view, collection, key));
      if (params === undefined) throw new QueryRefusal('NotFound', 'consensus params');
      return encodeMessage(QueryParamsResponse, { params: ConsensusParams.decode(encodeConsensusParams(params)) });
    },
  };
}
