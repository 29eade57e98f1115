import assert from 'node:assert/strict';
import { MsgMultiSend, MsgSend } from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import { PubKey } from 'cosmjs-types/cosmos/crypto/secp256k1/keys';
import { AuthInfo, SignDoc, TxBody, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import { Any } from 'cosmjs-types/google/protobuf/any';
import fc from 'fast-check';
import { AddressBook } from '#app/address.ts';
import { areCanonical, canonicalCoins, parseAmount } from '#app/coins.ts';
import { Refusal } from '#app/errors.ts';
import { Modules } from '#app/modules.ts';
import { directSignBytes } from '#app/sign-doc.ts';
import type { DecodedTx } from '#app/tx.ts';
import { TxDecoder } from '#app/tx-decoder.ts';
import { concatBytes, fromHex, toHex } from '#util/bytes.ts';
import { buildTx, DENOM, PREFIX, send, type TxInput, wallet } from './support.ts';

const modules = new Modules(new AddressBook(PREFIX));
const decoder = new TxDecoder(modules.addresses, modules.messages);
const alice = wallet('alice');
const bob = wallet('bob');
const ALICE = { wallet: alice, sequence: 3n, accountNumber: 1n };
const payment: TxInput = {
  messages: [send(alice.text, bob.text, 10n)],
  signers: [ALICE],
  memo: 'käse',
  timeoutHeight: 900n,
  fee: { amount: [{ denom: DENOM, amount: '500' }], gasLimit: 1n << 60n, payer: alice.text },
};
const good = buildTx(payment);

function refusalOf(bytes: Uint8Array): string {
  try {
    decoder.decode(bytes);
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return `${error.registered.code} ${error.log}`;
  }
  return 'decoded';
}

/** Decodes every level with cosmjs-types and encodes it again: the canonical bytes of what it understood. */
function reencoded(bytes: Uint8Array): Uint8Array {
  const raw = TxRaw.decode(bytes);
  const body = TxBody.decode(raw.bodyBytes);
  const auth = AuthInfo.decode(raw.authInfoBytes);
  for (const message of body.messages) {
    const type = message.typeUrl.endsWith('MsgSend') ? MsgSend : MsgMultiSend;
    message.value = type.encode(type.decode(message.value) as never).finish();
  }
  for (const { publicKey } of auth.signerInfos) {
    if (publicKey !== undefined) publicKey.value = PubKey.encode(PubKey.decode(publicKey.value)).finish();
  }
  return TxRaw.encode({
    bodyBytes: TxBody.encode(body).finish(),
    authInfoBytes: AuthInfo.encode(auth).finish(),
    signatures: raw.signatures,
  }).finish();
}

/** Fields without a place in the message, by hand. */
function raw(body: Uint8Array, authInfo: Uint8Array, ...signatures: Uint8Array[]): Uint8Array {
  return TxRaw.encode({ bodyBytes: body, authInfoBytes: authInfo, signatures }).finish();
}

const parts = TxRaw.decode(good);
const BODY = parts.bodyBytes;
const AUTH = parts.authInfoBytes;
const SIGNATURE = parts.signatures[0] as Uint8Array;

describe('app: decoding a transaction', () => {
  it('reads all fields', () => {
    const tx = decoder.decode(good);
    assert.equal(tx.memo, 'käse');
    assert.equal(tx.timeoutHeight, 900n);
    assert.equal(tx.gasWanted, 1n << 60n);
    assert.deepEqual(tx.feeAmount, [{ denom: DENOM, amount: 500n }]);
    assert.deepEqual(
      tx.signers.map(({ text }) => text),
      [alice.text],
    );
    assert.deepEqual(tx.sequences, [3n]);
    assert.deepEqual(tx.signerInfos[0]?.pubKey, alice.publicKey);
    assert.equal(tx.signerInfos[0]?.mode, 1);
    assert.equal(tx.messageFault, undefined);
    assert.deepEqual(tx.bodyBytes, BODY);
    assert.deepEqual(tx.authInfoBytes, AUTH);
    assert.deepEqual(reencoded(good), good);
  });

  it('makes the SignDoc that cosmjs makes', () => {
    const tx = decoder.decode(good);
    for (const accountNumber of [0n, 1n, 127n, 128n, (1n << 53n) + 1n, (1n << 64n) - 1n]) {
      const chainId = 'some-chain';
      const expected = SignDoc.encode({ bodyBytes: BODY, authInfoBytes: AUTH, chainId, accountNumber }).finish();
      assert.deepEqual(directSignBytes(tx, new TextEncoder().encode(chainId), accountNumber), expected);
    }
  });

  it('ADR-027: one altered, added or dropped byte never decodes to bytes that encode otherwise', () => {
    const edit = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), at: fc.nat(good.length - 1), byte: fc.nat(255) }),
      fc.record({ kind: fc.constant('insert' as const), at: fc.nat(good.length), byte: fc.nat(255) }),
      fc.record({ kind: fc.constant('drop' as const), at: fc.nat(good.length - 1), byte: fc.constant(0) }),
    );
    let decodedCount = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const list = [...good];
        for (const { kind, at, byte } of edits) {
          if (kind === 'set') list[at] = byte;
          else list.splice(at, kind === 'drop' ? 1 : 0, ...(kind === 'drop' ? [] : [byte]));
        }
        const bytes = Uint8Array.from(list);
        let tx: DecodedTx;
        try {
          tx = decoder.decode(bytes);
        } catch (error) {
          assert.ok(error instanceof Refusal, String(error));
          return;
        }
        decodedCount++;
        assert.equal(toHex(reencoded(tx.bytes)), toHex(bytes));
      }),
      { numRuns: 4000 },
    );
    assert.ok(decodedCount > 100, `only ${decodedCount} decoded`);
  });

  it('any bytes at all are decoded or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const outcome = refusalOf(bytes);
        if (outcome === 'decoded') assert.deepEqual(reencoded(bytes), bytes);
      }),
      { numRuns: 3000 },
    );
  });

  for (const [name, bytes, expected] of [
    [
      'fields out of order',
      concatBytes(
        TxRaw.encode({ bodyBytes: new Uint8Array(0), authInfoBytes: AUTH, signatures: [] }).finish(),
        raw(BODY, new Uint8Array(0)),
      ),
      /fields must ascend/,
    ],
    ['body twice', concatBytes(raw(BODY, new Uint8Array(0)), raw(BODY, AUTH, SIGNATURE)), /field 1 comes twice/],
    ['unknown field of TxRaw', concatBytes(good, fromHex('2200')), /errUnknownField/],
    ['unknown critical field of TxBody', raw(concatBytes(BODY, fromHex('4a0100')), AUTH, SIGNATURE), /errUnknownField/],
    [
      'unordered transactions of later SDKs',
      raw(concatBytes(BODY, fromHex('2001')), AUTH, SIGNATURE),
      /errUnknownField/,
    ],
    [
      'unknown field of AuthInfo, critical or not',
      raw(BODY, concatBytes(AUTH, fromHex('82200100')), SIGNATURE),
      /errUnknownField/,
    ],
    ['a tip', raw(BODY, concatBytes(AUTH, fromHex('1a00')), SIGNATURE), /^37 tips are not supported/],
    ['length prefix longer than needed', concatBytes(fromHex('0a8000')), /not as short as possible/],
    ['empty body spelled out', fromHex('0a00'), /empty value/],
    ['wrong wire type', fromHex('0801'), /errUnknownField/],
    ['group', fromHex('0b0c'), /errUnknownField/],
  ] as const) {
    it(`refuses ${name}`, () => assert.match(refusalOf(bytes), expected));
  }

  it('tolerates unknown non-critical fields in TxBody alone', () => {
    // Field 1024 is the first number with the bit.
    const tolerated = raw(concatBytes(BODY, fromHex('82400161')), AUTH, SIGNATURE);
    assert.equal(refusalOf(tolerated), 'decoded');
    const option = Any.encode({ typeUrl: '/x.Y', value: fromHex('01') }).finish();
    const withOption = raw(concatBytes(BODY, fromHex('fa7f'), Uint8Array.of(option.length), option), AUTH, SIGNATURE);
    assert.equal(refusalOf(withOption), 'decoded');
    const critical = raw(concatBytes(BODY, fromHex('fa3f'), Uint8Array.of(option.length), option), AUTH, SIGNATURE);
    assert.equal(refusalOf(critical), '31 unknown extension options');
  });

  it('wire-lengths-and-tags: lengths past the end, of 2^63, and tags wider than 32 bits', () => {
    for (const hex of [
      '0a05',
      '0affffffffffffffffff7f',
      '0a80808080808080808001',
      '0affffffffffffffffffff01',
      '8a808080808080808001',
      'fafffffffff01f00',
      '8280808010',
    ]) {
      assert.match(refusalOf(fromHex(hex)), /^2 /, hex);
    }
  });

  it('any-depth-and-breadth: nested Any and many entries cost time linear in bytes, and end in a refusal', () => {
    let nested: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 2000; i++) {
      nested = Any.encode({ typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: nested }).finish();
    }
    const body = TxBody.encode(
      TxBody.fromPartial({ messages: [{ typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: nested }] }),
    ).finish();
    assert.match(refusalOf(raw(body, AUTH, SIGNATURE)), /^2 /);
    const many = buildTx({ ...payment, messages: Array(5000).fill(send(alice.text, bob.text, 1n)) });
    assert.match(refusalOf(many), /^2 more than 4096 repeated entries/);
    assert.match(refusalOf(raw(BODY, AUTH, ...Array(5000).fill(new Uint8Array(0)))), /^2 more than 4096/);
  });

  it('submessage-absent: every sub-message removed', () => {
    const auth = AuthInfo.decode(AUTH);
    const [info] = auth.signerInfos;
    assert.ok(info !== undefined);
    const encode = (change: object, infoChange: object = {}): string =>
      refusalOf(
        raw(
          BODY,
          AuthInfo.encode(
            AuthInfo.fromPartial({ ...auth, signerInfos: [{ ...info, ...infoChange }], ...change }),
          ).finish(),
          SIGNATURE,
        ),
      );
    assert.equal(encode({}), 'decoded');
    for (const [change, infoChange] of [
      [{ fee: undefined }, {}],
      [{ signerInfos: [] }, {}],
      [{}, { modeInfo: undefined }],
      [{}, { modeInfo: {} }],
      [{}, { publicKey: undefined }],
    ] as const) {
      assert.equal(encode(change, infoChange), 'decoded');
    }
    assert.match(
      encode({}, { publicKey: { typeUrl: '', value: new Uint8Array(0) } }),
      /^2 a public key has no type URL/,
    );
    assert.match(
      encode({}, { publicKey: { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: new Uint8Array(0) } }),
      /^2 a public key has no value/,
    );
    assert.match(refusalOf(raw(fromHex('0a00'), AUTH)), /^2 a message has no type URL/);
    assert.match(refusalOf(raw(fromHex('0a021200'), AUTH)), /^2 /);
  });

  it('multisig keys and signatures are refused as not supported', () => {
    const auth = AuthInfo.decode(AUTH);
    const multi = AuthInfo.fromPartial({
      ...auth,
      signerInfos: [{ modeInfo: { multi: { bitarray: { extraBitsStored: 9, elems: fromHex('ff') }, modeInfos: [] } } }],
    });
    assert.match(refusalOf(raw(BODY, AuthInfo.encode(multi).finish(), SIGNATURE)), /^37 /);
    const typeUrl = '/cosmos.crypto.multisig.LegacyAminoPubKey';
    const keyed = AuthInfo.fromPartial({ ...auth, signerInfos: [{ publicKey: { typeUrl, value: fromHex('0802') } }] });
    assert.match(refusalOf(raw(BODY, AuthInfo.encode(keyed).finish(), SIGNATURE)), /^37 /);
  });

  it('secp-key-and-signature-form: keys of 33 bytes that start with 02 or 03, nothing else', () => {
    const auth = AuthInfo.decode(AUTH);
    for (const first of [0, 1, 4, 5, 6, 7, 255]) {
      const key = alice.publicKey.slice();
      key[0] = first;
      const value = PubKey.encode({ key }).finish();
      const info = { ...auth.signerInfos[0], publicKey: { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value } };
      const bytes = raw(
        BODY,
        AuthInfo.encode(AuthInfo.fromPartial({ ...auth, signerInfos: [info] })).finish(),
        SIGNATURE,
      );
      assert.match(refusalOf(bytes), /^8 expected 33 bytes/);
    }
  });

  it('number-text-edges: amounts have one spelling', () => {
    for (const text of [
      '',
      '1.',
      '.5',
      '-0',
      '+1',
      '1e3',
      '0x10',
      '01',
      '1_000',
      ' 1',
      '1 ',
      '٣',
      '1'.repeat(79),
      String(2n ** 256n),
    ]) {
      assert.equal(parseAmount(text), undefined, JSON.stringify(text));
      const bytes = buildTx({ ...payment, messages: [send(alice.text, bob.text, text)] });
      assert.match(refusalOf(bytes), /^2 (invalid coin amount|a coin has no amount)/, JSON.stringify(text));
    }
    for (const amount of [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 256n - 1n, 1n - 2n ** 256n]) {
      assert.equal(parseAmount(String(amount)), amount);
    }
  });

  it('coins-canonical: sorted, unique, positive, valid denominations', () => {
    const coin = (denom: string, amount = 1n): { denom: string; amount: bigint } => ({ denom, amount });
    assert.ok(areCanonical([]));
    assert.ok(areCanonical([coin('aaa'), coin('bbb'), coin('ibc/ABC')]));
    for (const coins of [
      [coin('aaa'), coin('aaa')],
      [coin('bbb'), coin('aaa')],
      [coin('aaa', 0n)],
      [coin('aaa', -1n)],
      [coin('aa')],
      [coin('a,b')],
      [coin('1aa')],
      [coin('a'.repeat(129))],
      [coin('')],
    ]) {
      assert.ok(!areCanonical(coins), JSON.stringify(coins.map(({ denom }) => denom)));
    }
    const any = fc.array(fc.record({ denom: fc.constantFrom('aaa', 'bbb', 'ccc'), amount: fc.bigInt(0n, 9n) }));
    fc.assert(fc.property(any, (coins) => areCanonical(canonicalCoins(coins))));
  });

  it('text that is not UTF-8 is refused, and a byte order mark is kept', () => {
    const body = (memo: Uint8Array): Uint8Array =>
      concatBytes(BODY.slice(0, BODY.length - 2 - 5 - 3), fromHex('12'), Uint8Array.of(memo.length), memo);
    assert.match(refusalOf(raw(body(fromHex('c328')), AUTH, SIGNATURE)), /^2 string field contains invalid UTF-8/);
    assert.equal(decoder.decode(raw(body(fromHex('efbbbf61')), AUTH, SIGNATURE)).memo, '\ufeffa');
  });
});
