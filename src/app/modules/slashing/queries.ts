import {
  QueryAllEvidenceRequest,
  QueryAllEvidenceResponse,
  QueryEvidenceRequest,
  QueryEvidenceResponse,
} from 'cosmjs-types/cosmos/evidence/v1beta1/query';
import {
  QuerySigningInfoRequest,
  QuerySigningInfoResponse,
  QuerySigningInfosRequest,
  QuerySigningInfosResponse,
} from 'cosmjs-types/cosmos/slashing/v1beta1/query';
import { Any } from 'cosmjs-types/google/protobuf/any';
import { decodeBech32 } from '#crypto/address.ts';
import { fromHex, fromLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { QueryRefusal } from '../../query/errors.ts';
import { type QueryHandler, readRecord, readRequest } from '../../query/handler.ts';
import { paginate } from '../../query/pagination.ts';
import { signingInfoCodec, signingInfoMessage } from './signing-info.ts';
import {
  EVIDENCE_STORE,
  OFFENCE_PREFIX,
  offenceKey,
  SIGNING_INFO_PREFIX,
  SLASHING_STORE,
  type SlashingState,
  signingInfoKey,
} from './state.ts';

const SLASHING_SERVICE = '/cosmos.slashing.v1beta1.Query';
const EVIDENCE_SERVICE = '/cosmos.evidence.v1beta1.Query';
const HASH_HEX = /^[0-9a-fA-F]{64}$/;

/** Query paths of the SDK's slashing and evidence modules. */
export function slashingQueries(slashing: SlashingState): Readonly<Record<string, QueryHandler>> {
  return {
    [`${SLASHING_SERVICE}/SigningInfo`]: async (data, { view }) => {
      const { consAddress } = readRequest(QuerySigningInfoRequest, data);
      const address = readConsensusAddress(slashing, consAddress);
      const info = await readRecord(view, slashing.signingInfos, signingInfoKey(address));
      if (info === undefined) {
        throw new QueryRefusal('NotFound', `SigningInfo not found for validator ${consAddress}`);
      }
      return encodeMessage(QuerySigningInfoResponse, { valSigningInfo: signingInfoMessage(info) });
    },
    [`${SLASHING_SERVICE}/SigningInfos`]: async (data, { view }) => {
      const { pagination } = readRequest(QuerySigningInfosRequest, data);
      const { entries, page } = await paginate(view, SLASHING_STORE, fromLatin1(SIGNING_INFO_PREFIX), pagination);
      const info = entries.map(({ value }) => signingInfoMessage(signingInfoCodec.decode(value)));
      return encodeMessage(QuerySigningInfosResponse, { info, pagination: page });
    },
    [`${EVIDENCE_SERVICE}/Evidence`]: async (data, { view }) => {
      const { hash } = readRequest(QueryEvidenceRequest, data);
      if (!HASH_HEX.test(hash)) throw new QueryRefusal('InvalidArgument', 'invalid request; hash is not 64 hex digits');
      const record = await view.get(EVIDENCE_STORE, fromLatin1(offenceKey(fromHex(hash))));
      if (record === undefined) throw new QueryRefusal('NotFound', `evidence ${hash} not found`);
      return encodeMessage(QueryEvidenceResponse, { evidence: Any.decode(record) });
    },
    [`${EVIDENCE_SERVICE}/AllEvidence`]: async (data, { view }) => {
      const { pagination } = readRequest(QueryAllEvidenceRequest, data);
      const { entries, page } = await paginate(view, EVIDENCE_STORE, fromLatin1(OFFENCE_PREFIX), pagination);
      return encodeMessage(QueryAllEvidenceResponse, {
        evidence: entries.map(({ value }) => Any.decode(value)),
        pagination: page,
      });
    },
  };
}

function readConsensusAddress(slashing: SlashingState, text: string): Uint8Array {
  if (text === '') throw new QueryRefusal('InvalidArgument', 'invalid request');
  try {
    const { prefix, bytes } = decodeBech32(text);
    if (prefix === slashing.addressPrefix) return bytes;
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
  }
  throw new QueryRefusal('InvalidArgument', `expected a consensus address that begins with ${slashing.addressPrefix}`);
}
