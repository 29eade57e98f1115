import { validatorAddress } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import type { EventsMap } from '#types/query.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import type { Validator, ValidatorUpdate } from '#types/validator-set.ts';
import {
  base64,
  blockIdJson,
  blockJson,
  eventJson,
  evidenceJson,
  finalizeBlockJson,
  headerJson,
  hex,
  type Json,
  txResultJson,
  validatorJson,
  voteJson,
} from './json.ts';
import { STEP_NAMES } from './json-node.ts';
import type { NodeEvent } from './node-api.ts';

type BlockEvent = Extract<NodeEvent, { kind: 'block' }>;
type RoundEvent = Extract<NodeEvent, { kind: 'round' }>;

/** One message of CometBFT's event bus. What it costs is paid only when somebody listens. */
export class EventMessage {
  /** Value of `tm.event`. */
  readonly name: string;
  private readonly type: string;
  private readonly makeValue: () => Json;
  private readonly makeEvents: () => Map<string, string[]>;
  private eventsMap: EventsMap | undefined;

  constructor(name: string, type: string, value: () => Json, events: () => Map<string, string[]>) {
    this.name = name;
    this.type = type;
    this.makeValue = value;
    this.makeEvents = events;
  }

  /** Attribute values by composite key, `tm.event` included: what queries match. */
  get events(): EventsMap {
    this.eventsMap ??= append(this.makeEvents(), 'tm.event', this.name);
    return this.eventsMap;
  }

  /** JSON of `data` and of `events`; keys of `events` in alphabetical order, as Go writes maps. */
  get rendered(): { readonly data: string; readonly events: string } {
    const data = JSON.stringify({ type: `tendermint/event/${this.type}`, value: this.makeValue() });
    const entries = [...this.events].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return { data, events: JSON.stringify(Object.fromEntries(entries)) };
  }
}

/** Messages of an event, except those of transactions (see `txMessage`). */
export function messagesOf(event: NodeEvent): EventMessage[] {
  if (event.kind === 'round') return [roundMessage(event)];
  if (event.kind === 'block') return blockMessages(event);
  return [new EventMessage('Vote', 'Vote', () => ({ Vote: voteJson(event.vote) }), noEvents)];
}

function blockMessages(event: BlockEvent): EventMessage[] {
  const { block, blockId, results } = event;
  const height = String(results.height);
  const blockEvents = (): Map<string, string[]> => flatten(results.blockEvents);
  const messages = [
    new EventMessage(
      'NewBlock',
      'NewBlock',
      () => ({
        block: blockJson(block),
        block_id: blockIdJson(blockId),
        result_finalize_block: finalizeBlockJson(results),
      }),
      blockEvents,
    ),
    new EventMessage('NewBlockHeader', 'NewBlockHeader', () => ({ header: headerJson(block.header) }), noEvents),
    new EventMessage(
      'NewBlockEvents',
      'NewBlockEvents',
      () => ({ height, events: results.blockEvents.map(eventJson), num_txs: String(block.txs.length) }),
      blockEvents,
    ),
  ];
  for (const evidence of block.evidence) {
    messages.push(
      new EventMessage('NewEvidence', 'NewEvidence', () => ({ height, evidence: evidenceJson(evidence) }), noEvents),
    );
  }
  if (results.validatorUpdates.length > 0) {
    const value = (): Json => ({ validator_updates: updatedValidators(results.validatorUpdates).map(validatorJson) });
    messages.push(new EventMessage('ValidatorSetUpdates', 'ValidatorSetUpdates', value, noEvents));
  }
  return messages;
}

/** The message of the transaction at `index`. */
export function txMessage(event: BlockEvent, index: number): EventMessage {
  const tx = event.block.txs[index] as Uint8Array;
  const hash = hex(event.txHashes[index] ?? sha256(tx));
  const result = event.results.txResults[index] as TxResult;
  const height = String(event.results.height);
  const value = (): Json => ({
    // The first index is left out, as protobuf leaves out zeros.
    TxResult: { height, index: index === 0 ? undefined : index, tx: base64(tx), result: txResultJson(result) },
  });
  const events = (): Map<string, string[]> =>
    append(append(flatten(result.events), 'tx.hash', hash), 'tx.height', height);
  return new EventMessage('Tx', 'Tx', value, events);
}

function roundMessage(event: RoundEvent): EventMessage {
  const place = { height: String(event.height), round: event.round, step: STEP_NAMES[event.step] ?? '' };
  const { name, proposer, blockId } = event;
  if (name === 'NewRound' && proposer !== undefined) {
    const chosen = { address: hex(proposer.address), index: proposer.index };
    return new EventMessage(name, 'NewRound', () => ({ ...place, proposer: chosen }), noEvents);
  }
  if (name === 'CompleteProposal' && blockId !== undefined) {
    return new EventMessage(name, 'CompleteProposal', () => ({ ...place, block_id: blockIdJson(blockId) }), noEvents);
  }
  return new EventMessage(name, 'RoundState', () => place, noEvents);
}

/** Clients of ValidatorSetUpdates want validators, with addresses. Priorities are not set yet. */
function updatedValidators(updates: readonly ValidatorUpdate[]): Validator[] {
  return updates.map(({ pubKey, power }) => ({
    address: validatorAddress(pubKey),
    pubKey,
    votingPower: power,
    proposerPriority: 0n,
  }));
}

function noEvents(): Map<string, string[]> {
  return new Map();
}

function flatten(events: readonly LedgerEvent[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const { type, attributes } of events) {
    if (type === '') continue;
    for (const { key, value } of attributes) if (key !== '') append(map, `${type}.${key}`, value);
  }
  return map;
}

function append(map: Map<string, string[]>, key: string, value: string): Map<string, string[]> {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
  return map;
}
