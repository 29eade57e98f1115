import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeWalRecord } from '#engine/wal-record.ts';
import { readRecords } from '#storage/wal-format.ts';
import { PRECOMMIT, type Vote } from '#types/vote.ts';
import { toHex } from '#util/bytes.ts';
import type { Net } from './net.ts';
import { callMany, heightOf } from './rpc.ts';

const FLAG_COMMIT = 2;

interface CommitJson {
  readonly round: number;
  readonly block_id: { readonly hash: string };
  readonly signatures: readonly {
    readonly block_id_flag: number;
    readonly validator_address: string;
    readonly signature: string | null;
  }[];
}

/**
 * Every vote that anybody ever saw, from the nodes' consensus logs and from the commits in their blocks. A validator
 * signs one thing for one height, round and step; its second signature there would be another one.
 */
export class VoteAudit {
  /** By validator, height, round and type: the signatures, with what they sign. */
  private readonly seen = new Map<string, Map<string, string>>();
  /** Hex of the addresses of validators that may sign what they like. */
  private readonly excused = new Set<string>();

  get size(): number {
    return this.seen.size;
  }

  /** A byzantine validator, by its address in hex. */
  excuse(address: string): void {
    this.excused.add(address.toLowerCase());
  }

  /** Reads the log of a node, as far as it is written. */
  async readLog(home: string): Promise<void> {
    for (const vote of await votesInLog(home)) this.add(vote);
  }

  /** Reads the commits of all heights of all nodes. */
  async readCommits(net: Net): Promise<void> {
    for (const { rpc } of net.nodes) {
      const head = await heightOf(rpc);
      const params = Array.from({ length: head }, (_, index) => ({ height: String(index + 1) }));
      const answers = await callMany<{ signed_header: { commit: CommitJson } }>(rpc, 'commit', params);
      for (const [index, { signed_header }] of answers.entries()) this.addCommit(index + 1, signed_header.commit);
    }
  }

  assertNobodySignedTwice(): void {
    assert.ok(this.seen.size > 0, 'votes were seen');
    for (const [place, signatures] of this.seen) {
      assert.equal(signatures.size, 1, `${place} was signed as ${[...signatures.values()].join(' and as ')}`);
    }
  }

  private add(vote: Vote): void {
    const what = vote.blockId.hash.length === 0 ? 'nil' : toHex(vote.blockId.hash);
    const signature = Buffer.from(vote.signature).toString('base64');
    this.remember(toHex(vote.validatorAddress), vote.height, vote.round, vote.type, signature, what);
  }

  private addCommit(height: number, { round, block_id, signatures }: CommitJson): void {
    for (const { block_id_flag, validator_address, signature } of signatures) {
      if (signature === null || signature === '') continue;
      const what = block_id_flag === FLAG_COMMIT ? block_id.hash.toLowerCase() : 'nil';
      this.remember(validator_address.toLowerCase(), height, round, PRECOMMIT, signature, what);
    }
  }

  private remember(author: string, height: number, round: number, type: number, signature: string, what: string): void {
    if (this.excused.has(author)) return;
    const place = `validator ${author} height ${height} round ${round} type ${type}`;
    const signatures = this.seen.get(place) ?? new Map<string, string>();
    this.seen.set(place, signatures.set(signature, what));
  }
}

/** The votes that a node's log holds: others' and its own. */
export async function votesInLog(home: string): Promise<Vote[]> {
  const directory = join(home, 'data', 'wal');
  const votes: Vote[] = [];
  for (const name of await readdir(directory)) {
    const { records } = readRecords(await readFile(join(directory, name)));
    for (const record of records) {
      const input = decodeWalRecord(record);
      if (input.kind === 'vote') votes.push(input.vote);
      if (input.kind === 'signed' && input.message.kind === 'vote') votes.push(input.message.vote);
    }
  }
  return votes;
}
