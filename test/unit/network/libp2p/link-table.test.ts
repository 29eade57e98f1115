import assert from 'node:assert/strict';
import type { Link } from '#network/libp2p/link.ts';
import { LinkTable } from '#network/libp2p/link-table.ts';
import { bytesOf } from '../support/samples.ts';

/** What the table needs of a link. */
class FakeLink {
  readonly connection: { readonly id: string };
  readonly peer: string;
  readonly hello: { readonly nonce: Uint8Array };
  ready = false;
  closed = false;
  private readonly table: () => LinkTable;

  constructor(id: string, peer: string, nonce: number, table: () => LinkTable) {
    this.connection = { id };
    this.peer = peer;
    this.hello = { nonce: bytesOf(8, nonce) };
    this.table = table;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.table().closed(this.asLink());
  }

  asLink(): Link {
    return this as unknown as Link;
  }
}

function setup(self: string) {
  const log: string[] = [];
  const name = (link: Link) => link.connection.id;
  const table: LinkTable = new LinkTable(self, {
    connected: (link) => void log.push(`+${name(link)}`),
    disconnected: (link) => void log.push(`-${name(link)}`),
    duplicate: (link) => void log.push(`=${name(link)}`),
  });
  const open = (id: string, nonce = 1): FakeLink => {
    const link = new FakeLink(id, 'm', nonce, () => table);
    table.add(link.asLink());
    return link;
  };
  const ready = (link: FakeLink): void => {
    link.ready = true;
    table.ready(link.asLink());
  };
  return { table, log, open, ready };
}

describe('table of links', () => {
  it('the first ready link of a peer is its active one', () => {
    const { table, log, open, ready } = setup('a');
    const [one, two] = [open('1'), open('2')];
    assert.equal(table.hasAny('m'), true);
    assert.equal(table.get('m'), undefined);
    ready(two);
    assert.equal(table.get('m'), two.asLink());
    one.close();
    two.close();
    assert.deepEqual(log, ['+2', '-2']);
    assert.equal(table.hasAny('m'), false);
  });

  it('of two links the side with the lower id closes the newer one', () => {
    const { log, open, ready } = setup('a');
    const [one, two] = [open('1'), open('2')];
    ready(one);
    ready(two);
    assert.equal(two.closed, true);
    assert.equal(one.closed, false);
    assert.deepEqual(log, ['+1', '=2']);
  });

  it('the side with the higher id waits, and takes the other link when its own is closed', () => {
    const { table, log, open, ready } = setup('z');
    const [one, two] = [open('1'), open('2')];
    ready(one);
    ready(two);
    assert.equal(two.closed, false);
    one.close();
    assert.equal(table.get('m'), two.asLink());
    assert.deepEqual(log, ['+1', '=2', '-1', '+2']);
  });

  for (const self of ['a', 'z']) {
    it(`a peer that was restarted replaces its old link, which is dead (this side is "${self}")`, () => {
      const { table, log, open, ready } = setup(self);
      const [old, fresh] = [open('old', 1), open('fresh', 2)];
      ready(old);
      ready(fresh);
      assert.equal(old.closed, true);
      assert.equal(table.get('m'), fresh.asLink());
      assert.deepEqual(log, ['+old', '-old', '+fresh']);
    });
  }

  it('a link that is not ready never becomes active', () => {
    const { table, open, ready } = setup('z');
    const [one] = [open('1'), open('2')];
    ready(one);
    one.close();
    assert.equal(table.get('m'), undefined);
  });

  it('closing a peer closes all its links, and none becomes active meanwhile', () => {
    const { table, log, open, ready } = setup('z');
    const links = [open('1'), open('2'), open('3')];
    ready(links[0] as FakeLink);
    ready(links[1] as FakeLink);
    table.closePeer('m', new Error('banned'));
    assert.ok(links.every(({ closed }) => closed));
    assert.deepEqual(log, ['+1', '=2', '-1']);
    assert.equal(table.hasAny('m'), false);
  });
});
