import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { assertNativeCrypto } from '#crypto/native.ts';

const require = createRequire(import.meta.url);

describe('assertNativeCrypto', () => {
  it('is content here', () => {
    assertNativeCrypto();
  });

  it('refuses the elliptic fallback and names the command', () => {
    const load = (name: string): unknown => {
      if (name === 'secp256k1/bindings.js') throw new Error('No native build was found\nmore lines');
      return require(name);
    };
    assert.throws(() => assertNativeCrypto(load), {
      code: 'native_missing',
      message: /^secp256k1: .*No native build was found\).*npm rebuild secp256k1$/,
    });
  });

  it('refuses a package that answers with something else than its addon', () => {
    const load = (name: string): unknown => (name === 'secp256k1' ? {} : require(name));
    assert.throws(() => assertNativeCrypto(load), { code: 'native_missing', message: /fallback/ });
  });

  it('refuses to run without libsodium', () => {
    const load = (name: string): unknown => {
      if (name === 'sodium-native') throw new Error('Cannot find addon');
      return require(name);
    };
    assert.throws(() => assertNativeCrypto(load), { code: 'native_missing', message: /npm rebuild sodium-native$/ });
  });
});
