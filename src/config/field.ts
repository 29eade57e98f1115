/** What a setting may be in TypeScript. */
export type SettingValue = string | number | boolean | readonly string[];

/** A setting: its default, what it means, and what it accepts. */
export interface Field<T extends SettingValue> {
  readonly kind: 'text' | 'integer' | 'switch' | 'list';
  readonly byDefault: T;
  /** Sentences for the comment in `config.toml`, one a line. */
  readonly doc: readonly string[];
  /** What is accepted, to end the sentence "set it to ...". */
  readonly expects: string;
  readonly accepts: (value: T) => boolean;
}

type TextField = Field<string>;
type ListField = Field<readonly string[]>;

export function text(
  byDefault: string,
  expects: string,
  accepts: (value: string) => boolean,
  ...doc: string[]
): TextField {
  return { kind: 'text', byDefault, doc, expects, accepts };
}

/** A whole number from `min` to `max`, both included. */
export function integer(byDefault: number, min: number, max: number, ...doc: string[]): Field<number> {
  const accepts = (value: number): boolean => Number.isSafeInteger(value) && value >= min && value <= max;
  return { kind: 'integer', byDefault, doc, expects: `a whole number from ${min} to ${max}`, accepts };
}

export function flag(byDefault: boolean, ...doc: string[]): Field<boolean> {
  return { kind: 'switch', byDefault, doc, expects: 'true or false', accepts: () => true };
}

/** `expects` describes one entry; each is checked by `accepts`. */
export function list(expects: string, accepts: (entry: string) => boolean, ...doc: string[]): ListField {
  return {
    kind: 'list',
    byDefault: Object.freeze([]) as readonly string[],
    doc,
    expects: `a list of ${expects}`,
    accepts: (value) => value.every(accepts),
  };
}

export function oneOf<const T extends string>(byDefault: T, choices: readonly T[], ...doc: string[]): Field<T> {
  return {
    kind: 'text',
    byDefault,
    doc,
    expects: choices.map((choice) => `"${choice}"`).join(', '),
    accepts: (value) => choices.includes(value),
  };
}
