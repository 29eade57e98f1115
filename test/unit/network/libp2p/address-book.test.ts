import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AddressBook,
  FULL_SCORE,
  MAX_ADDRESSES_PER_PEER,
  MAX_BOOK_PEERS,
  SCORE_REGAIN_MS,
} from '#network/libp2p/address-book.ts';
import { MAX_BANS } from '#network/libp2p/bans.ts';

describe('address book', () => {
  let directory: string;
  let nowMs: number;
  const now = () => nowMs;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'address-book-'));
    nowMs = 1_000_000;
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const path = () => join(directory, 'data', 'addrbook.json');
  const reopened = () => {
    const book = new AddressBook(path(), now);
    assert.equal(book.load(), undefined);
    return book;
  };

  it('addresses, scores and bans survive a restart', () => {
    const book = reopened();
    book.learn('a', ['/ip4/1.2.3.4/tcp/1']);
    book.penalize('a', 30);
    book.ban('b', 60_000);
    assert.equal(book.save(), undefined);
    const again = reopened();
    assert.deepEqual(again.addresses('a'), ['/ip4/1.2.3.4/tcp/1']);
    assert.equal(again.score('a'), FULL_SCORE - 30);
    assert.equal(again.bannedFor('b'), 60_000);
    nowMs += 60_000;
    assert.equal(again.bannedFor('b'), 0);
  });

  it('a score is used up by penalties and regained with time', () => {
    const book = new AddressBook(undefined, now);
    assert.equal(book.penalize('a', 60), false);
    nowMs += 10 * SCORE_REGAIN_MS;
    assert.equal(book.score('a'), 50);
    assert.equal(book.penalize('a', 49), false);
    assert.equal(book.penalize('a', 1), true);
    nowMs += 1_000 * SCORE_REGAIN_MS;
    assert.equal(book.score('a'), FULL_SCORE);
  });

  it('a broken file is said and ignored', () => {
    const book = reopened();
    book.learn('a', ['/ip4/1.2.3.4/tcp/1']);
    book.save();
    for (const text of ['', '{"peers":', '[]', '{"peers":{}}']) {
      writeFileSync(path(), text);
      const broken = new AddressBook(path(), now);
      assert.match(broken.load() ?? '', /ignored/);
      assert.equal(broken.size, 0);
    }
    writeFileSync(path(), '{"peers":[null,7,{"id":5},{"id":"b","addresses":[1,"x"],"score":"high"}]}');
    const partly = new AddressBook(path(), now);
    assert.equal(partly.load(), undefined);
    assert.deepEqual(partly.addresses('b'), ['x']);
    assert.equal(partly.score('b'), FULL_SCORE);
  });

  it('peer-memory-caps: peers, addresses and lengths are bounded; bans are kept longest', () => {
    const book = new AddressBook(undefined, now);
    book.ban('liar', 60_000);
    for (let i = 0; i < 2 * MAX_BOOK_PEERS; i++) book.learn(`peer${i}`, ['/ip4/1.2.3.4/tcp/1']);
    assert.equal(book.size, MAX_BOOK_PEERS);
    assert.equal(book.bannedFor('liar'), 60_000);
    book.learn(
      'many',
      Array.from({ length: 100 }, (_, index) => `/ip4/1.2.3.4/tcp/${index}`),
    );
    assert.equal(book.addresses('many').length, MAX_ADDRESSES_PER_PEER);
    book.learn('long', ['x'.repeat(10_000)]);
    assert.equal(book.addresses('long').length, 0);
    book.learn('y'.repeat(10_000), ['/ip4/1.2.3.4/tcp/1']);
    assert.equal(book.size, MAX_BOOK_PEERS);
  });

  it('peer-memory-caps: strangers that are banned push nobody out, and are bounded themselves', () => {
    const book = new AddressBook(undefined, now);
    for (let i = 0; i < 200; i++) {
      book.learn(`honest${i}`, ['/ip4/1.2.3.4/tcp/1']);
      book.connected(`honest${i}`);
    }
    book.ban('liar', 3_600_000);
    for (let i = 0; i < 2 * MAX_BANS; i++) book.ban(`stranger${i}`, 60_000);
    assert.deepEqual([book.candidates().length, book.size], [200, 200]);
    assert.equal(book.bannedFor('liar'), 3_600_000, 'the ban that ends first is forgotten');
    const banned = Array.from({ length: 2 * MAX_BANS }, (_, i) => book.bannedFor(`stranger${i}`)).filter(
      (ms) => ms > 0,
    );
    assert.equal(banned.length, MAX_BANS - 1);
  });

  it('peers that are banned, or were never connected, make room for good ones', () => {
    const book = new AddressBook(undefined, now);
    book.learn('good', ['/ip4/1.2.3.4/tcp/1']);
    book.connected('good');
    nowMs += 1_000;
    book.learn('bad', ['/ip4/1.2.3.4/tcp/2']);
    book.connected('bad');
    book.ban('bad', 60_000);
    for (let i = 0; i < MAX_BOOK_PEERS - 2; i++) book.learn(`stranger${i}`, ['/ip4/1.2.3.4/tcp/3']);
    book.learn('one more', ['/ip4/1.2.3.4/tcp/3']);
    assert.deepEqual([book.addresses('bad').length, book.addresses('stranger0').length], [0, 1]);
    for (let i = 0; i < MAX_BOOK_PEERS; i++) book.learn(`newcomer${i}`, ['/ip4/1.2.3.4/tcp/3']);
    assert.equal(book.addresses('good').length, 1);
    assert.equal(book.bannedFor('bad'), 60_000, 'who is forgotten stays banned');
  });

  it('after a ban a peer has half of its credit, known or not', () => {
    const book = new AddressBook(undefined, now);
    book.learn('known', ['/ip4/1.2.3.4/tcp/1']);
    for (const peer of ['known', 'stranger']) book.ban(peer, 60_000);
    nowMs += 10 * SCORE_REGAIN_MS;
    assert.deepEqual([book.score('known'), book.score('stranger')], [60, 60]);
    assert.equal(book.penalize('stranger', 60), true);
  });

  it('retry-without-spin: a peer that fails is offered again later, and never forgotten', () => {
    const book = new AddressBook(undefined, now);
    book.learn('a', ['/ip4/1.2.3.4/tcp/1']);
    assert.deepEqual(book.candidates(), ['a']);
    for (let i = 0; i < 50; i++) book.dialFailed('a');
    assert.deepEqual(book.candidates(), []);
    nowMs += 60_000;
    assert.deepEqual(book.candidates(), ['a']);
    book.ban('a', 1_000);
    assert.deepEqual(book.candidates(), []);
  });
});
