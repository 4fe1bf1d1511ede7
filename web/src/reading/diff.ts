/** What two texts have in common, word by word: the fewest words that go and come (Myers 1986). */

export interface Piece {
  kind: "both" | "left" | "right";
  text: string;
}

const MOST = 3000; // words that go and come; texts with more are compared line by line (our choice)

export function diff(left: string, right: string): Piece[] {
  const words = (text: string): string[] => text.match(/\s+|[^\s]+/g) ?? [];
  const lines = (text: string): string[] => text.split(/(?<=\n)/);
  const found = fewest(words(left), words(right)) ?? fewest(lines(left), lines(right));
  return joined(found ?? [piece("left", left), piece("right", right)]);
}

function piece(kind: Piece["kind"], text: string): Piece {
  return { kind, text };
}

/**
 * The pieces of a shortest way from one text to the other; null where it is too long. Diagonal k holds the places x of
 * the one and x - k of the other; after d changes `far` knows for each how far one gets.
 */
function fewest(one: string[], other: string[]): Piece[] | null {
  const middle = MOST + 1;
  const far = new Int32Array(2 * MOST + 3);
  const before: Int32Array[] = []; // of each number of changes, what was reached with one less
  for (let changes = 0; changes <= MOST; changes++) {
    before.push(far.slice(middle - changes - 1, middle + changes + 2));
    for (let k = -changes; k <= changes; k += 2) {
      let x = down(far, middle, k, changes) ? far[middle + k + 1]! : far[middle + k - 1]! + 1;
      while (x < one.length && x - k < other.length && one[x] === other[x - k]) x++;
      far[middle + k] = x;
      if (x >= one.length && x - k >= other.length) return back(before, one, other);
    }
  }
  return null;
}

/** Whether the last change on a diagonal was a word that came, not one that went. */
function down(far: Int32Array, middle: number, k: number, changes: number): boolean {
  return k === -changes || (k !== changes && far[middle + k - 1]! < far[middle + k + 1]!);
}

/** Walk back from both ends. */
function back(before: Int32Array[], one: string[], other: string[]): Piece[] {
  const found: Piece[] = [];
  let [x, y] = [one.length, other.length];
  for (let changes = before.length - 1; changes > 0; changes--) {
    const [far, middle, k] = [before[changes]!, changes + 1, x - y];
    const came = down(far, middle, k, changes);
    const from = far[middle + (came ? k + 1 : k - 1)]!;
    const above = from - (came ? k + 1 : k - 1);
    for (; x > from && y > above; y--) found.push(piece("both", one[--x]!));
    found.push(came ? piece("right", other[--y]!) : piece("left", one[--x]!));
  }
  while (x > 0) found.push(piece("both", one[--x]!));
  return found.reverse();
}

function joined(pieces: Piece[]): Piece[] {
  const found: Piece[] = [];
  for (const next of pieces) {
    const last = found.at(-1);
    if (last && last.kind === next.kind) last.text += next.text;
    else found.push({ ...next });
  }
  return found;
}
