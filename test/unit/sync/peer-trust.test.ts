import assert from 'node:assert/strict';
import { byMerit, PeerTrust } from '#sync/peer-trust.ts';

function peer(name: string, act: (trust: PeerTrust) => void): { readonly name: string; readonly trust: PeerTrust } {
  const trust = new PeerTrust();
  act(trust);
  return { name, trust };
}

describe('trust in peers that serve blocks', () => {
  it('ranks by what they deliver: bytes a millisecond, then who was never asked, then who failed', () => {
    const peers = [
      peer('failed', (trust) => void trust.failed(0)),
      peer('unknown', () => {}),
      peer('slow', (trust) => trust.answered(1_000, 100_000)),
      peer('failed twice', (trust) => void trust.failed(trust.failed(0))),
      peer('fast', (trust) => trust.answered(100, 100_000)),
      // Fast once, and no longer.
      peer('failed after all', (trust) => {
        trust.answered(1, 100_000);
        trust.failed(0);
      }),
    ];
    const names = peers.sort((a, b) => byMerit(a.trust, b.trust)).map(({ name }) => name);
    assert.deepEqual(names, ['fast', 'slow', 'unknown', 'failed after all', 'failed', 'failed twice']);
  });

  it('forgets a failure once a block was applied, not when bytes came', () => {
    const { trust } = peer('liar', (liar) => void liar.failed(0));
    trust.answered(10, 1_000);
    assert.equal(trust.isOnProbation, true);
    assert.equal(trust.requestsMax, 1);
    trust.delivered();
    assert.equal(trust.isOnProbation, false);
    assert.equal(trust.requestsMax, 2);
  });
});
