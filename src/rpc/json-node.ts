import type { Genesis } from '#types/genesis.ts';
import { formatTime, ZERO_TIME } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PREVOTE, type Vote } from '#types/vote.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { base64, base64OrNull, consensusParamsJson, hex, type Json, publicKeyJson, validatorJson } from './json.ts';
import type {
  AppInfo,
  BlockSummary,
  ConsensusState,
  NetInfo,
  NodeInfo,
  NodeStatus,
  PeerStatus,
  QueryResponse,
  RoundVotes,
} from './node-api.ts';

/** Names of the steps 1 to 8 in CometBFT's round events. */
export const STEP_NAMES: Readonly<Record<number, string>> = {
  1: 'RoundStepNewHeight',
  2: 'RoundStepNewRound',
  3: 'RoundStepPropose',
  4: 'RoundStepPrevote',
  5: 'RoundStepPrevoteWait',
  6: 'RoundStepPrecommit',
  7: 'RoundStepPrecommitWait',
  8: 'RoundStepCommit',
};

/**
 * CometBFT lists its p2p channels here and clients want hex that is not empty. Ours are streams of libp2p; these are
 * its numbers for what they carry: consensus state, transactions, blocks.
 */
const CHANNELS = '203040';

/** The genesis document as CometBFT serves it (not the SDK's file, whose outer shape is another). */
export function genesisJson(genesis: Genesis): Json {
  const validators = genesis.validators.map(({ address, pubKey, power, name }) => ({
    address: hex(address),
    pub_key: publicKeyJson(pubKey),
    power: String(power),
    name,
  }));
  return {
    genesis_time: formatTime(genesis.genesisTime),
    chain_id: genesis.chainId,
    initial_height: String(genesis.initialHeight),
    consensus_params: consensusParamsJson(genesis.consensusParams),
    validators: validators.length === 0 ? undefined : validators,
    app_hash: hex(genesis.appHash),
    app_state: genesis.appState as Json,
  };
}

export function statusJson(status: NodeStatus, chainId: string): Json {
  const latest = summary(status.latest);
  const earliest = summary(status.earliest);
  return {
    node_info: nodeInfoJson(status.node, chainId),
    sync_info: {
      latest_block_hash: latest.hash,
      latest_app_hash: latest.appHash,
      latest_block_height: latest.height,
      latest_block_time: latest.time,
      earliest_block_hash: earliest.hash,
      earliest_app_hash: earliest.appHash,
      earliest_block_height: earliest.height,
      earliest_block_time: earliest.time,
      catching_up: status.catchingUp,
    },
    validator_info: {
      address: hex(status.validator.address),
      pub_key: publicKeyJson(status.validator.pubKey),
      voting_power: String(status.validator.votingPower),
    },
  };
}

function summary(block: BlockSummary | undefined): { hash: string; appHash: string; height: string; time: string } {
  const { hash, appHash, height, time } = block ?? {
    hash: EMPTY_BYTES,
    appHash: EMPTY_BYTES,
    height: 0,
    time: ZERO_TIME,
  };
  return { hash: hex(hash), appHash: hex(appHash), height: String(height), time: formatTime(time) };
}

function nodeInfoJson(node: NodeInfo, chainId: string): { [key: string]: Json } {
  const { p2p, block, app } = node.protocol;
  return {
    protocol_version: { p2p: String(p2p), block: String(block), app: String(app) },
    id: node.id,
    listen_addr: node.listenAddress,
    network: chainId,
    version: node.version,
    channels: CHANNELS,
    moniker: node.moniker,
    other: node.other,
  };
}

/** Peers are on our chain, or they would be no peers. */
export function netInfoJson(info: NetInfo, chainId: string): Json {
  return {
    listening: info.listening,
    listeners: info.listeners,
    n_peers: String(info.peers.length),
    peers: info.peers.map((peer) => ({
      node_info: nodeInfoJson(peer.node, chainId),
      is_outbound: peer.outbound,
      connection_status: {
        Duration: String(peer.connectedForNs),
        SendMonitor: monitorJson(peer, peer.sentBytes),
        RecvMonitor: monitorJson(peer, peer.receivedBytes),
        Channels: [],
      },
      remote_ip: peer.remoteIp,
    })),
  };
}

/** CometBFT's flow monitor. We count bytes only; its rates stay 0, except for the average. */
function monitorJson(peer: PeerStatus, bytes: bigint): Json {
  const seconds = peer.connectedForNs / 1_000_000_000n;
  return {
    Start: formatTime(peer.connectedAt),
    Bytes: String(bytes),
    Samples: '0',
    InstRate: '0',
    CurRate: '0',
    AvgRate: String(seconds === 0n ? bytes : bytes / seconds),
    PeakRate: '0',
    BytesRem: '0',
    Duration: String(peer.connectedForNs),
    Idle: '0',
    TimeRem: '0',
    Progress: 0,
    Active: true,
  };
}

export function appInfoJson(info: AppInfo): Json {
  return {
    response: {
      data: info.name,
      version: info.version,
      last_block_height: String(info.lastHeight),
      last_block_app_hash: base64OrNull(info.lastAppHash) ?? undefined,
    },
  };
}

export function queryResponseJson(response: QueryResponse): Json {
  const { proofOps } = response;
  return {
    response: {
      code: response.code,
      log: response.log,
      info: response.info,
      index: String(response.index),
      key: response.key === undefined ? null : base64(response.key),
      value: response.value === undefined ? null : base64(response.value),
      proofOps:
        proofOps === undefined
          ? null
          : { ops: proofOps.map(({ type, key, data }) => ({ type, key: base64(key), data: base64(data) })) },
      height: String(response.height),
      codespace: response.codespace,
    },
  };
}

/** `consensus_state`: the short form, votes as texts. */
export function consensusStateJson(state: ConsensusState): Json {
  const { validators } = state;
  const proposer = validators.proposer.address;
  return {
    round_state: {
      'height/round/step': `${state.height}/${state.round}/${state.step}`,
      start_time: formatTime(state.startTime),
      proposal_block_hash: hexOrEmpty(state.proposalBlockHash),
      locked_block_hash: hexOrEmpty(state.lockedBlockHash),
      valid_block_hash: hexOrEmpty(state.validBlockHash),
      height_vote_set: state.votes.map((round) => roundVotesJson(round, validators)),
      proposer: { address: hex(proposer), index: validators.indexOf(proposer) },
    },
  };
}

/** `dump_consensus_state`: the same with validators and peers. Votes stay texts there, too. */
export function dumpConsensusStateJson(state: ConsensusState, peers: readonly PeerStatus[]): Json {
  const { validators } = state;
  return {
    round_state: {
      height: String(state.height),
      round: state.round,
      step: state.step,
      start_time: formatTime(state.startTime),
      validators: {
        validators: validators.validators.map(validatorJson),
        proposer: validatorJson(validators.proposer),
      },
      proposal_block_hash: hexOrEmpty(state.proposalBlockHash),
      locked_round: state.lockedRound,
      locked_block_hash: hexOrEmpty(state.lockedBlockHash),
      valid_round: state.validRound,
      valid_block_hash: hexOrEmpty(state.validBlockHash),
      votes: state.votes.map((round) => roundVotesJson(round, validators)),
    },
    peers: peers.map(({ node, progress }) => ({
      node_address: `${node.id}@${node.listenAddress}`,
      peer_state: {
        round_state:
          progress === undefined
            ? null
            : { height: String(progress.height), round: progress.round, step: progress.step },
      },
    })),
  };
}

function roundVotesJson({ round, prevotes, precommits }: RoundVotes, validators: ValidatorSet): Json {
  return {
    round,
    prevotes: prevotes.map(voteText),
    prevotes_bit_array: bitArrayText(prevotes, validators),
    precommits: precommits.map(voteText),
    precommits_bit_array: bitArrayText(precommits, validators),
  };
}

/** `BA{4:x_xx} 1500/2000 = 0.75`: who voted, and the share of voting power. */
function bitArrayText(votes: readonly (Vote | undefined)[], validators: ValidatorSet): string {
  let power = 0n;
  votes.forEach((vote, index) => {
    if (vote !== undefined) power += validators.get(index)?.votingPower ?? 0n;
  });
  const marks = votes.map((vote) => (vote === undefined ? '_' : 'x')).join('');
  const share = (Number(power) / Number(validators.totalPower)).toFixed(2);
  return `BA{${votes.length}:${marks}} ${power}/${validators.totalPower} = ${share}`;
}

function voteText(vote: Vote | undefined): string {
  if (vote === undefined) return 'nil-Vote';
  const [type, name] = vote.type === PREVOTE ? ['PREVOTE', 'Prevote'] : ['PRECOMMIT', 'Precommit'];
  const place = `${vote.height}/${String(vote.round).padStart(2, '0')}/SIGNED_MSG_TYPE_${type}(${name})`;
  const parts = [vote.validatorAddress, vote.blockId.hash, vote.signature].map(fingerprint);
  const time = formatTime(vote.timestamp);
  return `Vote{${vote.validatorIndex}:${parts[0]} ${place} ${parts[1]} ${parts[2]} 000000000000 @ ${time}}`;
}

/** First six bytes in hex, filled up with zeros. */
function fingerprint(bytes: Uint8Array): string {
  return hex(bytes.subarray(0, 6)).padEnd(12, '0');
}

function hexOrEmpty(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : hex(bytes);
}
