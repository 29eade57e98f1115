import { type AccountKey, keyOfMnemonic } from './account-key.ts';

/**
 * The four accounts of every devnet. Their mnemonics are public: each is the SHA-256 of "bizra-devnet public test account NAME" in words, printed by
 * `npm run devnet`, and worth nothing anywhere else.
 */
export const TEST_ACCOUNT_MNEMONICS: readonly (readonly [name: string, mnemonic: string])[] = [
  [
    'alice',
    'improve trade join jump gas imitate multiply color awesome repair square castle parrot cluster dizzy language grape isolate machine funny forget voice armed age',
  ],
  [
    'bob',
    'vague describe cave term spoon dress advance pizza cluster spoon state spend wrist daughter sponsor large paddle price boss leopard disagree measure segment sound',
  ],
  [
    'carol',
    'earth history fly leader behind food marriage task tent damp drift nasty upon marriage rice day already jewel settle river spider cool exchange acid',
  ],
  [
    'dave',
    'vital blade lock sound never atom surprise quantum marriage bless tooth lizard feed suggest barrel hobby happy garden away comfort little anxiety talk moon',
  ],
];

/** Of each test account, in the base denomination. */
export const TEST_ACCOUNT_AMOUNT = 1_000_000_000_000n;

export interface TestAccount {
  readonly name: string;
  readonly mnemonic: string;
  readonly key: AccountKey;
}

export function testAccounts(): Promise<TestAccount[]> {
  return Promise.all(
    TEST_ACCOUNT_MNEMONICS.map(async ([name, mnemonic]) => ({ name, mnemonic, key: await keyOfMnemonic(mnemonic) })),
  );
}
