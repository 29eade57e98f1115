import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.ts';
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
    const given: TxResult = {
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
    const { bytes, back } = roundTrip(given, tx);
    assert.deepEqual(back, given);
    // The fee collector's address stands in no transaction: 45 of the bytes.
    assert.ok(bytes < 200, `${bytes} bytes`);
  });
});
