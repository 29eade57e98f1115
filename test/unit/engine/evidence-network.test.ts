import assert from 'node:assert/strict';
import { validatorAddress } from '#crypto/address.ts';
import { signEd25519 } from '#crypto/ed25519.ts';
import { accusedBy, evidenceHash } from '#evidence/evidence.ts';
import { byzantineValidators } from '#light/byzantine-validators.ts';
import type { Node } from '#node/node.ts';
import { type Commit, type CommitSig, commitSignBytes, FLAG_COMMIT } from '#types/commit.ts';
import type { Evidence, LightClientAttackEvidence } from '#types/evidence.ts';
import { hashHeader } from '#types/header.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { EMPTY_BYTES, toHex } from '#util/bytes.ts';
import { bootAll, during, reach } from '../../sim/adversaries/script.ts';
import { CHAIN_ID, genesisValidators, simGenesis } from '../../sim/chain/genesis.ts';
import type { Machine } from '../../sim/machine/machine.ts';
import type { SimOptions, SimResult, WorldControls } from '../../sim/world/sim-options.ts';
import { World } from '../../sim/world/world.ts';

const NODES = 4;

async function run(
  script: (world: WorldControls) => Promise<void>,
  options: Partial<SimOptions> = {},
): Promise<SimResult> {
  const world = new World({ seed: 7, heights: 0, nodes: NODES, changing: false, byzantine: [], script, ...options });
  const result = await world.run();
  if (result.failure !== undefined) throw result.failure;
  return result;
}

function nodeOf(machine: Machine): Node {
  assert.ok(machine.node !== undefined, `${machine.name} runs`);
  return machine.node;
}

async function up(world: WorldControls, machines: readonly Machine[]): Promise<void> {
  assert.ok(await world.runUntil(30_000, () => machines.every(({ node }) => node !== undefined)));
}

/** Evidence in a node's chain, with the height of its block. */
function carried({ blockStore, chain }: Node): { readonly height: number; readonly evidence: Evidence }[] {
  const found: { height: number; evidence: Evidence }[] = [];
  for (let height = 1; height <= chain.state.height; height++) {
    for (const evidence of blockStore.block(height)?.evidence ?? []) found.push({ height, evidence });
  }
  return found;
}

function keyOf(seat: number): { readonly address: Uint8Array; readonly privateKey: Uint8Array } {
  const { keys } = simGenesis(NODES);
  const set = genesisValidators(keys);
  const address = set.get(seat)?.address as Uint8Array;
  const key = keys.find(
    ({ publicKey }) => toHex(validatorAddress({ type: 'ed25519', bytes: publicKey })) === toHex(address),
  );
  assert.ok(key !== undefined);
  return { address, privateKey: key.privateKey };
}

/** Honest machines are accused here, with proof made of their keys: of the checkers, that one stays silent. */
const FRAMED: Partial<SimOptions> = { onlyChecker: 'agreement' };

function assertSameState(machines: readonly Machine[]): void {
  const height = Math.min(...machines.map((machine) => machine.height));
  const hashes = machines.map((machine) => toHex(nodeOf(machine).blockStore.meta(height)?.appHash ?? EMPTY_BYTES));
  assert.equal(new Set(hashes).size, 1);
}

/** A header that nobody executed, signed by these seats of the first set, as all the validators that there are. */
function lunaticAttack(node: Node, height: number, commonHeight: number, seats: readonly number[]) {
  const { keys } = simGenesis(NODES);
  const common = genesisValidators(keys);
  const signers = seats.map(keyOf);
  const set = ValidatorSet.create(
    signers.map(({ address }) => {
      const seat = common.get(common.indexOf(address));
      assert.ok(seat !== undefined);
      return { pubKey: seat.pubKey, votingPower: seat.votingPower };
    }),
  );
  const own = node.blockStore.block(height);
  const next = node.blockStore.block(height + 1);
  const time = node.blockStore.block(commonHeight)?.header.time;
  assert.ok(own !== undefined && next !== undefined && time !== undefined);
  const header = { ...own.header, validatorsHash: set.hash(), appHash: new Uint8Array(32).fill(66) };
  const unsigned: Commit = {
    height,
    round: 0,
    blockId: { hash: hashHeader(header), partSetHeader: { total: 1, hash: new Uint8Array(32).fill(1) } },
    signatures: set.validators.map(
      ({ address }): CommitSig => ({
        flag: FLAG_COMMIT,
        validatorAddress: address,
        timestamp: header.time,
        signature: new Uint8Array(64),
      }),
    ),
  };
  const signatures = unsigned.signatures.map((sig, index) => {
    const signer = signers.find(({ address }) => toHex(address) === toHex(sig.validatorAddress));
    assert.ok(signer !== undefined);
    return { ...sig, signature: signEd25519(signer.privateKey, commitSignBytes(CHAIN_ID, unsigned, index)) };
  });
  const conflictingBlock = {
    header,
    commit: { ...unsigned, signatures },
    validators: set.validators,
    proposer: set.proposer,
  };
  const trusted = { header: own.header, commit: next.lastCommit };
  const attack: LightClientAttackEvidence = {
    kind: 'light-client-attack',
    conflictingBlock,
    commonHeight,
    byzantineValidators: byzantineValidators(conflictingBlock, common, trusted),
    totalVotingPower: common.totalPower,
    timestamp: time,
  };
  return attack;
}

describe('evidence in a network', () => {
  it('a validator that votes twice is proven guilty once on all nodes, over restarts, and is out', async () => {
    const script = async (world: WorldControls): Promise<void> => {
      const honest = world.machines.slice(0, NODES - 1);
      const [liar] = world.machines.slice(NODES - 1) as [Machine];
      bootAll(world);
      await reach(world, 12, honest);
      for (const machine of honest) {
        machine.crash('power');
        machine.boot();
        await up(world, [machine]);
        await reach(world, nodeOf(honest[0] as Machine).chain.state.height + 2, honest);
      }
      await reach(world, 24, honest);
      // One machine prunes its blocks.
      const keeping = honest.filter((machine) => nodeOf(machine).blockStore.base === 1);
      assert.ok(keeping.length >= 2);
      const all = keeping.map((machine) => carried(nodeOf(machine)));
      const [first] = all[0] ?? [];
      assert.ok(first !== undefined, 'evidence was committed');
      for (const list of all) assert.deepEqual(list, [first], 'once, the same on all');
      assert.deepEqual(
        accusedBy(first.evidence).map(({ address }) => toHex(address)),
        [toHex(liar.address)],
      );
      for (const machine of honest) {
        const { chain, ledger, blockStore, evidence } = nodeOf(machine);
        assert.ok(ledger.isTombstoned(liar.address));
        assert.equal(chain.state.validators.indexOf(liar.address), -1);
        assert.equal(chain.state.validators.size, NODES - 1);
        assert.equal(evidence.count, 0);
        // In force two heights later, as every update is.
        assert.equal((await blockStore.validators(first.height + 1)).size, NODES);
        assert.equal((await blockStore.validators(first.height + 2)).size, NODES - 1);
        if (keeping.includes(machine)) {
          const results = blockStore.results(first.height);
          assert.deepEqual(
            results?.validatorUpdates.map(({ power }) => power),
            [0n],
          );
          assert.deepEqual(
            results?.blockEvents.map(({ type }) => type),
            ['slash', 'slash'],
          );
        }
        const set: ValidatorSet = await blockStore.validators(first.height + 2);
        assert.deepEqual(blockStore.meta(first.height + 1)?.header.nextValidatorsHash, set.hash());
        await assert.doesNotReject(nodeOf(machine).evidence.add(first.evidence));
        assert.equal(evidence.count, 0);
      }
    };
    const { coverage } = await run(script, { byzantine: ['equivocating-voter'] });
    assert.ok((coverage.get('evidence punished') ?? 0) > 0);
  });

  it('an attack on light clients that one node is told of convicts its signers on all nodes', async () => {
    await run(async (world) => {
      bootAll(world);
      await reach(world, 8, world.machines);
      const [told] = world.machines as [Machine];
      const attack = lunaticAttack(nodeOf(told), 5, 3, [2, 3]);
      await during(world, nodeOf(told).addEvidence(attack));
      await reach(world, 14, world.machines);
      for (const machine of world.machines) {
        const { chain, ledger } = nodeOf(machine);
        const found = carried(nodeOf(machine));
        assert.deepEqual(
          found.map(({ evidence }) => toHex(evidenceHash(evidence))),
          [toHex(evidenceHash(attack))],
        );
        assert.equal(chain.state.validators.size, 2);
        for (const { address } of [keyOf(2), keyOf(3)]) assert.ok(ledger.isTombstoned(address));
        for (const { address } of [keyOf(0), keyOf(1)]) assert.ok(!ledger.isTombstoned(address));
      }
      assertSameState(world.machines);
    }, FRAMED);
  });

  it('when every validator is guilty the strongest stays, and the chain goes on', async () => {
    await run(async (world) => {
      bootAll(world);
      await reach(world, 8, world.machines);
      const [told] = world.machines as [Machine];
      await during(world, nodeOf(told).addEvidence(lunaticAttack(nodeOf(told), 5, 3, [0, 1, 2, 3])));
      await reach(world, 16, world.machines);
      for (const machine of world.machines) {
        const { validators } = nodeOf(machine).chain.state;
        assert.deepEqual(
          validators.validators.map(({ address }) => toHex(address)),
          [toHex(keyOf(0).address)],
        );
      }
      assertSameState(world.machines);
    }, FRAMED);
  });

  it('evidence that is pending when all nodes end is proposed after they are back', async () => {
    await run(async (world) => {
      bootAll(world);
      await reach(world, 8, world.machines);
      const [told] = world.machines as [Machine];
      const attack = lunaticAttack(nodeOf(told), 5, 3, [2, 3]);
      for (const other of world.machines.slice(1)) other.crash('kill');
      await during(world, nodeOf(told).addEvidence(attack));
      told.crash('power');
      bootAll(world);
      await up(world, world.machines);
      await reach(world, nodeOf(told).chain.state.height + 8, world.machines);
      for (const machine of world.machines) assert.equal(carried(nodeOf(machine)).length, 1, machine.name);
      assertSameState(world.machines);
    }, FRAMED);
  });
});
