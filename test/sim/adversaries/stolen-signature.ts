import type { AdmitResult } from '#mempool/contract.ts';
import { buildTx, send, type Wallet, wallet } from '../../unit/app/support.ts';
import { CHAIN_ID, OUTSIDER_NUMBER, outsider } from '../chain/genesis.ts';
import { bootAll, during, reach, type Script } from './script.ts';

const FEE = { amount: [{ denom: 'ubizra', amount: '5000' }] };
const SAVINGS = 1_000_000n;
const LOOT = 900_000n;

/**
 * A thief submits a transaction of two signers: itself, and an account that does not exist yet, whose public key it
 * knows and whose signature it makes up. Nothing can be said against that signature as long as there is no account. The
 * owner then gets money, and the thief submits the same bytes again.
 */
export const stolenSignature: Script = async (world) => {
  const { machines } = world;
  const [first] = machines;
  bootAll(world);
  await reach(world, 2, machines);
  const node = first?.node;
  if (node === undefined) throw new Error('the first machine is down');
  const thief = outsider();
  const owner = wallet('owner');
  const theft = buildTheft(thief, owner);
  const admit = (tx: Uint8Array): Promise<AdmitResult> => during(world, node.mempool.admit(tx, 'rpc'));
  await admit(theft);
  const payment = buildTx({
    chainId: CHAIN_ID,
    messages: [send(thief.text, owner.text, SAVINGS)],
    signers: [{ wallet: thief, sequence: 0n, accountNumber: OUTSIDER_NUMBER }],
    fee: FEE,
  });
  const { code } = await admit(payment);
  if (code !== 0) throw new Error('the payment was refused');
  await world.runUntil(10_000, () => node.ledger.pendingSequence(owner.address) !== undefined);
  await admit(theft);
  await reach(world, world.checkers.highest + 5, machines);
};

/** The owner's part is signed with the thief's key: the key in the transaction is the owner's. */
function buildTheft(thief: Wallet, owner: Wallet): Uint8Array {
  return buildTx({
    chainId: CHAIN_ID,
    messages: [send(thief.text, owner.text, 1n), send(owner.text, thief.text, LOOT)],
    signers: [
      { wallet: thief, sequence: 1n, accountNumber: OUTSIDER_NUMBER },
      { wallet: { ...owner, privateKey: thief.privateKey }, sequence: 0n, accountNumber: OUTSIDER_NUMBER + 1n },
    ],
    fee: FEE,
  });
}
