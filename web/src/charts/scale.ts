/** From data to pixels, and where ticks go. */
import type { Schemas } from "../api/client";

export interface Scale {
  (value: number): number;
  invert(pixel: number): number;
  ticks: number[];
}

const [BESIDE, ABOVE] = [70, 42]; // pixels at least between ticks: numbers are wider than high

export function scale(axis: Schemas["Axis"], low: number, high: number, from: number, to: number): Scale {
  const logarithmic = axis.scale !== "linear";
  const bend = logarithmic ? (value: number) => Math.log(Math.max(value, 1e-12)) : (value: number) => value;
  const unbend = logarithmic ? Math.exp : (value: number) => value;
  const [first, last] = [bend(low), bend(high)];
  const width = last - first || 1;
  const map = ((value: number) => from + ((bend(value) - first) / width) * (to - from)) as Scale;
  map.invert = (pixel) => unbend(first + ((pixel - from) / (to - from || 1)) * width);
  map.ticks = logarithmic ? powers(low, high, axis.scale === "log2" ? 2 : 10) : steps(low, high, Math.abs(to - from) / (from < to ? BESIDE : ABOVE), axis.whole);
  return map;
}

function steps(low: number, high: number, room: number, whole: boolean): number[] {
  const wanted = Math.max(2, Math.floor(room));
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let size = ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  if (whole) size = Math.max(1, Math.round(size));
  const found: number[] = [];
  for (let value = Math.ceil(low / size) * size; value <= high + size * 1e-9; value += size) found.push(Number(value.toPrecision(12)));
  return found;
}

function powers(low: number, high: number, base: number): number[] {
  const found: number[] = [];
  const log = Math.log(base);
  const [first, last] = [Math.ceil(Math.log(Math.max(low, 1e-12)) / log - 1e-9), Math.floor(Math.log(high) / log + 1e-9)];
  const stride = Math.max(1, Math.ceil((last - first) / 8));
  for (let power = first; power <= last; power += stride) found.push(base ** power);
  return found;
}

export function extent(values: Iterable<number | null | undefined>): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || value === undefined) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}
