import assert from 'node:assert/strict';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { QUIET_HEIGHTS } from '#engine/look-back.ts';
import { assertAgreement, assertGoesOn } from '../support/checks.ts';
import { Devnet } from '../support/devnet.ts';
import { type Outcome, run } from '../support/process.ts';
import { callMany, heightOf, until } from '../support/rpc.ts';
import { VoteAudit } from '../support/vote-audit.ts';

interface CommitJson {
  readonly signed_header: {
    readonly commit: {
      readonly height: string;
      readonly signatures: readonly { readonly validator_address: string }[];
    };
  };
}

describe('R16: a validator whose signing record is lost or old', () => {
  let net: Devnet;
  let record: string;

  before(async function () {
    this.timeout(150_000);
    net = await Devnet.start();
    record = join(net.node(3).home, 'data/priv_validator_state.json');
  });

  after(async function () {
    this.timeout(60_000);
    await net?.stop();
  });

  const start = (): Promise<Outcome> => run(['start', '--home', net.node(3).home]);

  /** Heights of this range whose commit the validator signed, as another node has it. */
  const signedHeights = async (from: number, to: number): Promise<number[]> => {
    const key = JSON.parse(await readFile(join(net.node(3).home, 'config/priv_validator_key.json'), 'utf8'));
    const heights = Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => ({ height: String(from + at) }));
    if (heights.length === 0) return [];
    const commits = await callMany<CommitJson>(net.node(0).rpc, 'commit', heights);
    return commits
      .map(({ signed_header }) => signed_header.commit)
      .filter(({ signatures }) => signatures.some(({ validator_address }) => validator_address === key.address))
      .map(({ height }) => Number(height));
  };

  it('is refused with one line, and told to go on it keeps quiet for exactly as long as it says', async function () {
    this.timeout(300_000);
    const witness = net.node(0);
    const copy = join(net.directory, 'record');
    await net.waitForAll(3);
    await copyFile(record, copy);
    await assertGoesOn(witness, 5);
    await net.kill(3);
    const diedAt = await heightOf(witness.rpc);

    await copyFile(copy, record);
    const old = await start();
    assert.equal(old.code, 2);
    assert.match(old.stderr, /^bizra-node: the signing record .* ends at .* but this key has signed .* old copy.*$/m);

    await rm(record);
    const missing = await start();
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /^bizra-node: the signing record .* is missing: .*--recover-signing-record$/m);

    await net.restart(3, '--recover-signing-record');
    let mutedHeight = 0;
    await until('it signs again', async () => {
      const log = await net.log(3);
      mutedHeight = Number(/signs nothing up to this height mutedHeight=(\d+)/.exec(log)?.[1] ?? 0);
      const head = await heightOf(witness.rpc);
      return mutedHeight > 0 && head > mutedHeight && (await signedHeights(mutedHeight, head)).length > 0;
    });
    assert.ok(mutedHeight >= diedAt - 1 + QUIET_HEIGHTS);
    // It may have voted for the height under way when it died.
    assert.deepEqual(await signedHeights(diedAt + 2, mutedHeight), []);
    await assertAgreement(net);
    const audit = new VoteAudit();
    for (const { home } of net.nodes) await audit.readLog(home);
    await audit.readCommits(net);
    audit.assertNobodySignedTwice();
  });
});
