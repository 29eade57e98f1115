import assert from 'node:assert/strict';
import { type EventsMap, formatQuery, matches, parseQuery } from '#types/query.ts';

const events = (fields: Readonly<Record<string, string[]>>): EventsMap => new Map(Object.entries(fields));

/** CometBFT libs/pubsub/query/query_test.go, brought to flattened events. */
const table: [query: string, fields: Record<string, string[]>, expected: boolean][] = [
  [`tm.events.type='NewBlock'`, { 'tm.events.type': ['NewBlock'] }, true],
  ['tx.gas > 7', { 'tx.gas': ['8'] }, true],
  ['transfer.amount > 7', { 'transfer.amount': ['8stake'] }, true],
  ['transfer.amount > 7', { 'transfer.amount': ['8.045'] }, true],
  ['transfer.amount > 7.043', { 'transfer.amount': ['8.045stake'] }, true],
  ['transfer.amount > 8.045', { 'transfer.amount': ['8.045stake'] }, false],
  ['tx.gas > 7 AND tx.gas < 9', { 'tx.gas': ['8'] }, true],
  ['body.weight >= 3.5', { 'body.weight': ['3.5'] }, true],
  ['account.balance < 1000.0', { 'account.balance': ['900'] }, true],
  ['apples.kg <= 4', { 'apples.kg': ['4.0'] }, true],
  ['body.weight >= 4.5', { 'body.weight': ['4.5'] }, true],
  ['oranges.kg < 4 AND watermellons.kg > 10', { 'oranges.kg': ['3'], 'watermellons.kg': ['12'] }, true],
  ['peaches.kg < 4', { 'peaches.kg': ['5'] }, false],
  ['tx.date > DATE 2017-01-01', { 'tx.date': ['2026-11-20'] }, true],
  ['tx.date = DATE 2017-01-01', { 'tx.date': ['2017-01-01'] }, true],
  ['tx.date = DATE 2018-01-01', { 'tx.date': ['2017-01-01'] }, false],
  ['tx.time >= TIME 2013-05-03T14:45:00Z', { 'tx.time': ['2026-11-20T12:00:00.5Z'] }, true],
  ['tx.time = TIME 2013-05-03T14:45:00Z', { 'tx.time': ['2018-05-03T14:45:00Z'] }, false],
  ['tx.time = TIME 2013-05-03T14:45:00Z', { 'tx.time': ['2013-05-03T16:45:00+02:00'] }, true],
  [`abci.owner.name CONTAINS 'Igor'`, { 'abci.owner.name': ['Igor', 'Ivan'] }, true],
  [`abci.owner.name CONTAINS 'Igor'`, { 'abci.owner.name': ['Pavel', 'Ivan'] }, false],
  [`abci.owner.name = 'Igor'`, { 'abci.owner.name': ['Igor', 'Ivan'] }, true],
  [`abci.owner.name = 'Ivan' AND abci.owner.name = 'Igor'`, { 'abci.owner.name': ['Igor', 'Ivan'] }, true],
  [`abci.owner.name = 'Ivan' AND abci.owner.name = 'John'`, { 'abci.owner.name': ['Igor', 'Ivan'] }, false],
  [
    `tm.events.type='NewBlock' AND app.name = 'fuzzed'`,
    { 'tm.events.type': ['NewBlock'], 'app.name': ['fuzzed'] },
    true,
  ],
  ['big.value >= 99999999999999999999', { 'big.value': ['99999999999999999999'] }, true],
  ['big.value > 99999999999999999998', { 'big.value': ['99999999999999999999'] }, true],
  ['big.value <= 18446744073709551615', { 'big.value': ['18446744073709551615'] }, true],
  ['big.value >= 99999999999999999999', { 'big.value': ['99999999999999999999.10'] }, true],
  ['big.value > 99999999999999999998.10', { 'big.value': ['99999999999999999999.10'] }, true],
  ['big.value <= 18446744073709551615.6', { 'big.value': ['18446744073709551615.6'] }, true],
  ['big.value = 1', { 'big.value': ['1.0000000000000000000000000000000001'] }, false],
  ['tx.gas = 7', { 'tx.gas': ['stake7'] }, false],
  ['tx.gas = 7', { 'tx.gas': ['-7'] }, false],
  ['tx.gas = 7', { 'tx.gas': [''] }, false],
  ['tx.gas = 5.', { 'tx.gas': ['5'] }, true],
  ['tx.gas EXISTS', { 'tx.gas': ['x'] }, true],
  ['tx.gas EXISTS', { 'tx.gasp': ['x'] }, false],
  ['slash EXISTS', { 'slash.reason': ['double'] }, true],
  ['sl EXISTS', { 'slash.reason': ['double'] }, false],
  ['slash EXISTS', { 'slash.reason.deep': ['double'] }, false],
  ['slash.reason EXISTS', { 'slash.reason.deep': ['double'] }, true],
  [`slash.reason EXISTS AND slash.power > 1000`, { 'slash.reason': ['x'], 'slash.power': ['6000'] }, true],
  [`tm.event = ''`, { 'tm.event': [''] }, true],
  [`tm.event = 'it''`, {}, false],
];

describe('event query', () => {
  for (const [text, fields, expected] of table.slice(0, -1)) {
    it(`${text}  ${JSON.stringify(fields)} -> ${expected}`, () => {
      assert.equal(matches(parseQuery(text), events(fields)), expected);
    });
  }

  it('matches nothing when there are no events', () => {
    assert.equal(matches(parseQuery('a.b EXISTS'), events({})), false);
  });

  it("is written in CometBFT's spelling, which reads back the same", () => {
    const text = `tm.event='Tx'  AND tx.height>=5 AND a.b  CONTAINS 'x y' AND c EXISTS AND d.e<TIME 2013-05-03T14:45:00Z AND f.g = DATE 2013-05-03`;
    const spelled = `tm.event = 'Tx' AND tx.height >= 5 AND a.b CONTAINS 'x y' AND c EXISTS AND d.e < TIME 2013-05-03T14:45:00Z AND f.g = DATE 2013-05-03`;
    assert.equal(formatQuery(parseQuery(text)), spelled);
    assert.deepEqual(parseQuery(spelled), parseQuery(text));
  });

  it('takes words that only look like keywords', () => {
    assert.equal(matches(parseQuery(`TIME='x'`), events({ TIME: ['x'] })), true);
    assert.equal(
      matches(parseQuery(`ANDROID.x = 'x' AND _k.é-1 = 'y'`), events({ 'ANDROID.x': ['x'], '_k.é-1': ['y'] })),
      true,
    );
  });

  it('refuses what CometBFT refuses, with the offset', () => {
    const bad = [
      '',
      '   ',
      'AND',
      `a = 'x' AND`,
      `AND a = 'x'`,
      `a = 'x' b = 'y'`,
      `a = 'x' OR b = 'y'`,
      'a',
      'a =',
      `a = 'x`,
      `a 'x'`,
      'a = b',
      'a > b',
      `a > 'x'`,
      'a CONTAINS 5',
      'a CONTAINS DATE 2013-05-03',
      'a EXISTS 5',
      'a != 5',
      'a = -5',
      '5 = a',
      'a = DATE 2013-13-03',
      'a = DATE 2013-5-3',
      'a = TIME 2013-05-03',
      'a = TIME',
      'a = TIME 2013-05-03T14:45:00',
      'a = $5',
      `a = 5 'x'`,
      `a > ${'9'.repeat(200)}`,
      `tm.event = 'it''`,
    ];
    for (const text of bad) {
      assert.throws(
        () => parseQuery(text),
        (error: Error & { code?: string }) => error.code === 'bad_query' && error.message.length < 200,
        text,
      );
    }
  });

  it('stays cheap on hostile texts and values', () => {
    const long = `${'a'.repeat(100_000)} = '${'b'.repeat(100_000)}'`;
    assert.equal(matches(parseQuery(long), events({ x: ['y'] })), false);
    const figures = events({ 'a.b': ['9'.repeat(1_000_000)] });
    assert.equal(matches(parseQuery('a.b > 5'), figures), false, 'figures of more than 128 digits are no numbers');
  });
});
