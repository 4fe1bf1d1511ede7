/** A curve in a line of text. */
import { s } from "../dom";
import { curve, dots } from "../charts/paths";
import { scale } from "../charts/scale";

export function spark(values: readonly (number | null)[], label: string): SVGSVGElement {
  const axis = { name: "", unit: "", scale: "linear", low: null, high: null, whole: false } as const;
  const across = scale(axis, 0, Math.max(1, values.length - 1), 2, 118);
  const up = scale(axis, 0, 1, 26, 2);
  const places = values.map((_, place) => place);
  return s("svg", { class: "spark", viewBox: "0 0 120 28", role: "img", "aria-label": label }, s("path", { d: curve(places, values, across, up) + dots(places, alone(values), across, up) }));
}

/** Values without a neighbour, of which a curve shows nothing. */
function alone(values: readonly (number | null)[]): (number | null)[] {
  return values.map((value, place) => (values[place - 1] == null && values[place + 1] == null ? value : null));
}
