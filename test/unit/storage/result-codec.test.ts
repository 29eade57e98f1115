import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.ts';
import { decodeResultRow, encodeResultRow } from '#storage/block-rows.ts';
import { ByteReader, ByteWriter } from '#storage/byte-codec.ts';
import { decodeEvents, decodeResult, encodeEvents, encodeResult } from '#storage/result-codec.ts';
import { RESULT_DICTIONARY } from '#storage/result-dictionary.ts';
import type { TxResult } from '#types/results.ts';
import { fromLatin1, toHex } from '#util/bytes.ts';

function roundTrip(result: TxResult, tx: Uint8Array): { bytes: number; back: TxResult } {
  const writer = new ByteWriter();
  encodeResult(writer, result, tx);
  const bytes = writer.finish();
  return { bytes: bytes.length, back: decodeResult(new ByteReader(bytes), tx) };
}

/** Texts that stand in the dictionary, in the transaction, in both parts of another, or nowhere. */
const TX = Uint8Array.from([
  ...new TextEncoder().encode('cosmos1sender..cosmos1recipient'),
  ...Array(64).keys(),
  200,
  255,
]);
const text = fc.oneof(
  fc.constantFrom(
    '',
    'transfer',
    'cosmos1sender',
    'cosmos1recipient',
    'cosmos1sender/12',
    '/',
    'a/b',
    'cosmos1',
    '\u00c8\u00ff',
  ),
  fc.constant(Buffer.from(Uint8Array.from(Array(64).keys())).toString('base64')),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
);
const PLAIN = { noNullPrototype: true } as const;
const event = fc.record(
  {
    type: text,
    attributes: fc.array(fc.record({ key: text, value: text, index: fc.boolean() }, PLAIN), { maxLength: 4 }),
  },
  PLAIN,
);
const result = fc.record(
  {
    code: fc.nat(),
    data: fc.oneof(fc.uint8Array({ maxLength: 10 }), fc.constant(fromLatin1(RESULT_DICTIONARY.at(-1) as string))),
    log: text,
    info: text,
    gasWanted: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }),
    gasUsed: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }),
    codespace: text,
    events: fc.array(event, { maxLength: 4 }),
  },
  PLAIN,
);

/** As the ledger makes them, with every kind of string. */
function transfer(): { result: TxResult; tx: Uint8Array } {
  const sender = `cosmos1${'q'.repeat(38)}`;
  const recipient = `cosmos1${'p'.repeat(38)}`;
  const collector = `cosmos1${'z'.repeat(38)}`;
  const signature = sha256(Uint8Array.of(1));
  const signatureBytes = Uint8Array.from([...signature, ...signature]);
  const tx = Uint8Array.from([...new TextEncoder().encode(`${sender}..${recipient}`), ...signatureBytes]);
  const of = (type: string, ...pairs: string[][]) => ({
    type,
    attributes: pairs.map(([key, value]) => ({ key: key as string, value: value as string, index: true })),
  });
  const payment = (from: string, to: string, amount: string) => [
    of('coin_spent', ['spender', from], ['amount', amount]),
    of('coin_received', ['receiver', to], ['amount', amount]),
    of('transfer', ['recipient', to], ['sender', from], ['amount', amount]),
  ];
  const result: TxResult = {
    code: 0,
    data: fromLatin1(RESULT_DICTIONARY.at(-2) as string),
    log: '',
    info: '',
    gasWanted: 100_000n,
    gasUsed: 64_123n,
    codespace: '',
    events: [
      ...payment(sender, collector, '2500ubizra'),
      of('tx', ['fee', '2500ubizra'], ['fee_payer', sender]),
      of('tx', ['acc_seq', `${sender}/41`]),
      of('tx', ['signature', Buffer.from(signatureBytes).toString('base64')]),
      of('message', ['action', '/cosmos.bank.v1beta1.MsgSend'], ['sender', sender], ['module', 'bank']),
      ...payment(sender, recipient, '7ubizra'),
    ],
  };
  return { result, tx };
}

describe('result codec', () => {
  it('gives back any result', () => {
    fc.assert(
      fc.property(result, (given) => {
        assert.deepEqual(roundTrip(given, TX).back, given);
      }),
      { numRuns: 500 },
    );
  });

  it('gives back any events without a transaction', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 5 }), (events) => {
        assert.deepEqual(decodeEvents(encodeEvents(events)), events);
      }),
    );
  });

  it('keeps its dictionary: the numbers are on disks', () => {
    const first = 78;
    assert.equal(new Set(RESULT_DICTIONARY).size, RESULT_DICTIONARY.length);
    assert.equal(
      toHex(sha256(new TextEncoder().encode(JSON.stringify(RESULT_DICTIONARY.slice(0, first))))).slice(0, 16),
      '833a9e372ba98b5f',
    );
  });

  it('takes less than 200 bytes for a transfer whose events have 1,500', () => {
    const { result: given, tx } = transfer();
    const { bytes, back } = roundTrip(given, tx);
    assert.deepEqual(back, given);
    // The fee collector's address stands in no transaction: 45 of the bytes.
    assert.ok(bytes < 200, `${bytes} bytes`);
  });

  it('keeps the bytes of a row: they are on disks', () => {
    const { result: paid, tx } = transfer();
    const log = 'out of gas \u2013 caf\u00e9';
    const failed = { ...paid, code: 11, codespace: 'sdk', gasUsed: -1n, data: Uint8Array.of(1, 200), log, info: log };
    // More different strings than are compared one by one, each of them twice.
    const attributes = Array.from({ length: 100 }, (_, i) => ({
      key: `key ${i % 50}`,
      value: `${i % 50}`,
      index: false,
    }));
    const long = { ...paid, gasWanted: 2n ** 63n, events: [{ type: 'custom', attributes }] };
    const row = [paid, failed, long, { ...paid, data: tx, events: [] }];
    const bytes = encodeResultRow(0, row, Array(row.length).fill(tx));
    assert.deepEqual(decodeResultRow(bytes.subarray(0, -4), 0, Array(row.length).fill(tx)), row);
    assert.equal(
      toHex(sha256(encodeResultRow(0, [paid], [tx]))),
      '6d93e1702783c57676e4c422704cf3e10946a6f175fd5a950405b20c8c551c4b',
    );
    assert.equal(toHex(sha256(bytes)), '944a85306d182eef734de3e9936cce0d233003b4ee821d944c4bde65d16571bf');
  });

  it('refers to a text of 88 characters only where its base64 is the canonical one', () => {
    const { result: paid, tx } = transfer();
    const canonical = Buffer.from(tx.subarray(-64)).toString('base64');
    const sizes = [
      canonical,
      `${canonical.slice(0, -3)}x==`,
      `${canonical.slice(0, -2)}AA`,
      canonical.replace(/=/g, '.'),
    ].map((log) => {
      const writer = new ByteWriter();
      encodeResult(writer, { ...paid, log, events: [] }, tx);
      assert.equal(decodeResult(new ByteReader(writer.finish()), tx).log, log);
      return writer.length;
    });
    assert.deepEqual(sizes, [15, 102, 102, 102]);
  });

  it('gives back any row', () => {
    fc.assert(
      fc.property(fc.array(result, { maxLength: 8 }), (results) => {
        const txs = results.map(() => TX);
        assert.deepEqual(decodeResultRow(encodeResultRow(0, results, txs).subarray(0, -4), 0, txs), results);
      }),
    );
  });
});
