/** What two texts have in common, word by word: the longest common subsequence between a common beginning and end. */

export interface Piece {
  kind: "both" | "left" | "right";
  text: string;
}

const MOST = 4_000_000; // cells of the table; longer texts are compared line by line

export function diff(left: string, right: string): Piece[] {
  const words = (text: string): string[] => text.match(/\s+|[^\s]+/g) ?? [];
  let [one, other] = [words(left), words(right)];
  if (one.length * other.length > MOST) [one, other] = [left.split(/(?<=\n)/), right.split(/(?<=\n)/)];
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) start++;
  let tail = 0;
  while (tail < one.length - start && tail < other.length - start && one[one.length - 1 - tail] === other[other.length - 1 - tail]) tail++;
  const [a, b] = [one.slice(start, one.length - tail), other.slice(start, other.length - tail)];
  const middle = a.length * b.length > MOST ? [...a.map((text) => piece("left", text)), ...b.map((text) => piece("right", text))] : common(a, b);
  return joined([...one.slice(0, start).map((text) => piece("both", text)), ...middle, ...one.slice(one.length - tail).map((text) => piece("both", text))]);
}

function piece(kind: Piece["kind"], text: string): Piece {
  return { kind, text };
}

function common(a: string[], b: string[]): Piece[] {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i * width + j] = a[i] === b[j] ? table[(i + 1) * width + j + 1]! + 1 : Math.max(table[(i + 1) * width + j]!, table[i * width + j + 1]!);
  const found: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      found.push(piece("both", a[i++]!));
      j++;
    } else if (table[(i + 1) * width + j]! >= table[i * width + j + 1]!) found.push(piece("left", a[i++]!));
    else found.push(piece("right", b[j++]!));
  }
  while (i < a.length) found.push(piece("left", a[i++]!));
  while (j < b.length) found.push(piece("right", b[j++]!));
  return found;
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
