import { typesError } from './errors.ts';

/** What a query is made of. The names are those that CometBFT's messages use. */
export type TokenKind =
  | 'tag'
  | 'string'
  | 'number'
  | 'timestamp'
  | 'datestamp'
  | 'AND operator'
  | 'CONTAINS operator'
  | 'EXISTS operator'
  | '= operator'
  | '< operator'
  | '<= operator'
  | '> operator'
  | '>= operator';

export interface Token {
  readonly kind: TokenKind;
  /** Without quotes and without the DATE or TIME label. */
  readonly text: string;
  /** Bytes (UTF-8) before the token, as clients see it in messages. */
  readonly offset: number;
}

/** Sticky patterns, tried at one place in this order. DATE and TIME are labels only when a space follows at once. */
const PATTERNS: readonly (readonly [RegExp, TokenKind])[] = [
  [/(?:DATE) ([0-9-]*)/uy, 'datestamp'],
  [/(?:TIME) ([0-9T:+Z-]*)/uy, 'timestamp'],
  [/([0-9]+(?:\.[0-9]*)?)/uy, 'number'],
  [/([\p{L}\p{Nd}_][\p{L}\p{Nd}_.-]*)/uy, 'tag'],
  [/'([^']*)'/uy, 'string'],
  [/(<=)/uy, '<= operator'],
  [/(>=)/uy, '>= operator'],
  [/(<)/uy, '< operator'],
  [/(>)/uy, '> operator'],
  [/(=)/uy, '= operator'],
];

const WORDS: Readonly<Record<string, TokenKind>> = Object.assign(Object.create(null), {
  AND: 'AND operator',
  CONTAINS: 'CONTAINS operator',
  EXISTS: 'EXISTS operator',
});

export function badQuery(message: string): Error {
  return typesError('bad_query', message);
}

/** Reads tokens one by one; the grammar is that of CometBFT's event queries (wire-formats 6.6). */
export class QueryScanner {
  private readonly text: string;
  private position = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The next token, or undefined at the end. Throws on a character or literal that starts no token. */
  next(): Token | undefined {
    while (this.position < this.text.length && /\s/u.test(this.text[this.position] as string)) this.position++;
    if (this.position >= this.text.length) return undefined;
    const offset = this.offset();
    for (const [shared, kind] of PATTERNS) {
      // Made anew: a sticky pattern carries a position, and module state is shared.
      const pattern = new RegExp(shared);
      pattern.lastIndex = this.position;
      const match = pattern.exec(this.text);
      if (match === null) continue;
      this.position = pattern.lastIndex;
      const text = match[1] as string;
      return { kind: kind === 'tag' ? (WORDS[text] ?? kind) : kind, text, offset };
    }
    const character = String.fromCodePoint(this.text.codePointAt(this.position) as number);
    if (character === "'") throw badQuery(`offset ${offset}: EOF`);
    throw badQuery(`offset ${offset}: invalid input ${character} at offset ${offset + utf8Length(character)}`);
  }

  /** Bytes consumed so far. */
  offset(): number {
    return utf8Length(this.text.slice(0, this.position));
  }
}

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}
