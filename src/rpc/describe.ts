/** Bytes of an input that an error message repeats. */
const MAX_SHOWN = 80;

/** An untrusted JSON value for an error message: never long, and never an error of its own (deep nesting). */
export function describe(value: unknown): string {
  if (typeof value === 'string' && value.length > MAX_SHOWN)
    return shorten(JSON.stringify(value.slice(0, MAX_SHOWN + 1)));
  try {
    return shorten(JSON.stringify(value) ?? 'nothing');
  } catch {
    // JSON.stringify recurses: what is nested too deep for it is nothing that anybody wants to read.
    return '[...]';
  }
}

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}
