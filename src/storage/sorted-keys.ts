/** Keys of one piece: short enough that inserting into it is cheap, long enough that there are few of them. */
const PIECE_KEYS_MAX = 512;

/** A set of strings in order, in pieces, so that neither a change nor a walk of a range touches all of them. */
export class SortedKeys {
  /** None is empty. */
  private readonly pieces: string[][] = [];

  /** Does nothing when the key is there. */
  add(key: string): void {
    const at = this.pieceOf(key);
    const piece = this.pieces[at];
    if (piece === undefined) {
      this.pieces.push([key]);
      return;
    }
    const index = lowerBound(piece, key);
    if (piece[index] === key) return;
    piece.splice(index, 0, key);
    if (piece.length > PIECE_KEYS_MAX) this.pieces.splice(at + 1, 0, piece.splice(PIECE_KEYS_MAX / 2));
  }

  delete(key: string): void {
    const at = this.pieceOf(key);
    const piece = this.pieces[at];
    if (piece === undefined) return;
    const index = lowerBound(piece, key);
    if (piece[index] !== key) return;
    if (piece.length === 1) this.pieces.splice(at, 1);
    else piece.splice(index, 1);
  }

  /** A copy of the keys from `from` on and below `to`. */
  between(from: string, to: string | undefined): string[] {
    const keys: string[] = [];
    for (let at = this.pieceOf(from); at < this.pieces.length; at++) {
      const piece = this.pieces[at] as string[];
      const first = lowerBound(piece, from);
      const end = to === undefined ? piece.length : lowerBound(piece, to);
      for (let index = first; index < end; index++) keys.push(piece[index] as string);
      if (end < piece.length) break;
    }
    return keys;
  }

  /** The piece in which a key is or belongs: the last one that begins at or before it. */
  private pieceOf(key: string): number {
    let low = 0;
    let high = this.pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.pieces[middle]?.[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first key that is not below `bound`. */
function lowerBound(keys: readonly string[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
