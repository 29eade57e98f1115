import assert from 'node:assert/strict';
import { type ParamKind, type ParamValue, paramsFromJson, paramsFromUri } from '#rpc/params.ts';

function json(kind: ParamKind, value: unknown): ParamValue {
  return paramsFromJson([{ name: 'p', kind }], { p: value })[0];
}

function uri(kind: ParamKind, text: string): ParamValue {
  return paramsFromUri([{ name: 'p', kind }], new URLSearchParams([['p', text]]))[0];
}

describe('rpc parameters', () => {
  it('reads each kind from JSON', () => {
    assert.equal(json('int', '-12'), -12);
    assert.equal(json('int', '-0'), 0);
    assert.equal(json('bool', false), false);
    assert.equal(json('string', "a'b"), "a'b");
    assert.deepEqual(json('bytes', 'AAEC'), Uint8Array.of(0, 1, 2));
    assert.deepEqual(json('hexBytes', '00fF'), Uint8Array.of(0, 255));
    for (const kind of ['int', 'bool', 'string', 'bytes', 'hexBytes', 'json'] as const) {
      assert.equal(json(kind, null), undefined);
    }
  });

  it('refuses what is not of the kind, in the words that clients know', () => {
    const refused: readonly (readonly [ParamKind, unknown, RegExp])[] = [
      ['int', 5, /^invalid 64-bit integer encoding "5", expected string$/],
      ['int', '', /unexpected end of JSON input/],
      ['int', '1.5', /not an integer/],
      ['int', '007', /not an integer/],
      ['int', '1e3', /not an integer/],
      ['int', ' 1', /not an integer/],
      ['int', '9007199254740992', /cannot unmarshal number/],
      ['bool', 'yes', /^json: cannot unmarshal string into Go value of type bool$/],
      ['string', 1, /^json: cannot unmarshal number into Go value of type string$/],
      ['bytes', 'A', /^illegal base64 data at input byte 1$/],
      ['bytes', 'AA*=', /^illegal base64 data at input byte 2$/],
      ['bytes', 'AA==AAEC', /illegal base64/],
      ['bytes', 'AA-_', /illegal base64/],
      ['bytes', 'AAE C', /illegal base64/],
      ['bytes', [1], /cannot unmarshal array/],
      ['hexBytes', '0', /odd length hex string/],
      ['hexBytes', '0g', /invalid byte: U\+0067 'g'/],
      ['json', 1, /^json: cannot unmarshal number into Go value of type json.interfaceWrapper$/],
    ];
    for (const [kind, value, message] of refused) {
      assert.throws(() => json(kind, value), { name: 'ParamError', message }, `${kind} ${JSON.stringify(value)}`);
    }
  });

  it('reads each kind from a URI', () => {
    assert.equal(uri('int', '5'), 5);
    assert.equal(uri('int', '"5"'), 5);
    assert.equal(uri('bool', 'true'), true);
    assert.equal(uri('string', '"tx.height=5"'), 'tx.height=5');
    assert.equal(uri('string', '0x6162'), 'ab');
    assert.deepEqual(uri('bytes', '0X00ff'), Uint8Array.of(0, 255));
    assert.deepEqual(uri('bytes', '"ab"'), Uint8Array.of(97, 98));
    assert.equal(uri('int', ''), undefined);
    for (const [kind, text] of [
      ['string', 'bare'],
      ['bytes', 'QUJD'],
      ['int', '0x5'],
      ['bool', '"true"'],
      ['bytes', '0x5'],
    ] as const) {
      assert.throws(() => uri(kind, text), { name: 'ParamError' }, `${kind} ${text}`);
    }
  });
});
