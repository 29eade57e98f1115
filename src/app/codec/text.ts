/** Text helpers of the transaction path. */

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Two characters for each 12 bits: half the steps of one character for 6. */
const PAIRS = Array.from({ length: 4096 }, (_, bits) => `${BASE64[bits >> 6]}${BASE64[bits & 63]}`);

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  const whole = bytes.length - (bytes.length % 3);
  let text = '';
  for (let i = 0; i < whole; i += 3) {
    const bits = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
    text += (PAIRS[bits >> 12] as string) + (PAIRS[bits & 4095] as string);
  }
  if (bytes.length - whole === 1) return `${text}${PAIRS[(bytes[whole] as number) << 4]}==`;
  if (bytes.length - whole === 2) {
    const bits = ((bytes[whole] as number) << 8) | (bytes[whole + 1] as number);
    return `${text}${PAIRS[bits >> 4]}${BASE64[(bits & 15) << 2]}=`;
  }
  return text;
}

/** Undefined for text that is no base64 with padding. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const binary = atob(text);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** One byte a character; `text` must be ASCII. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function asciiText(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}
