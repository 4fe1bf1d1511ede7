/** Series as the `d` of one SVG path each: a curve, dots, or the area of an interval. */
import type { Scale } from "./scale";

type Values = readonly (number | null)[];

export function curve(x: Values, y: Values, across: Scale, up: Scale): string {
  let [path, pen] = ["", false];
  for (let place = 0; place < x.length; place++) {
    const [at, value] = [x[place], y[place]];
    if (at === null || at === undefined || value === null || value === undefined) {
      pen = false;
      continue;
    }
    path += `${pen ? "L" : "M"}${across(at).toFixed(1)} ${up(value).toFixed(1)}`;
    pen = true;
  }
  return path;
}

/** Dots are strokes of no length with round ends: one element, however many there are. */
export function dots(x: Values, y: Values, across: Scale, up: Scale): string {
  let path = "";
  for (let place = 0; place < x.length; place++) {
    const [at, value] = [x[place], y[place]];
    if (at === null || at === undefined || value === null || value === undefined) continue;
    path += `M${across(at).toFixed(1)} ${up(value).toFixed(1)}h0`;
  }
  return path;
}

export function area(x: Values, low: Values, high: Values, across: Scale, up: Scale): string {
  const there = x.map((_, place) => place).filter((place) => x[place] != null && low[place] != null && high[place] != null);
  if (!there.length) return "";
  const point = (place: number, values: Values) => `${across(x[place]!).toFixed(1)} ${up(values[place]!).toFixed(1)}`;
  return `M${there.map((place) => point(place, high)).join("L")}L${there.reverse().map((place) => point(place, low)).join("L")}Z`;
}

/** A centred mean over `width` steps of the horizontal axis, where the middle has a value. */
export function smoothed(x: Values, y: Values, width: number): (number | null)[] {
  let [from, to, total, count] = [0, 0, 0, 0];
  return y.map((value, place) => {
    const at = x[place];
    if (at === null || at === undefined) return null;
    while (to < x.length && (x[to] ?? Infinity) <= at + width / 2) {
      if (y[to] != null) [total, count] = [total + y[to]!, count + 1];
      to++;
    }
    while (from < to && (x[from] ?? -Infinity) < at - width / 2) {
      if (y[from] != null) [total, count] = [total - y[from]!, count - 1];
      from++;
    }
    return value === null || !count ? null : total / count;
  });
}

/** The place of the last value at or before a moment; -1 where there is none. */
export function at(x: Values, moment: number): number {
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? -Infinity) <= moment) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
