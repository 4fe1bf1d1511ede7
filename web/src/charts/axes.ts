/** Ticks, names and marks of a panel. */
import type { Schemas } from "../api/client";
import { s } from "../dom";
import { number } from "../text";
import type { Scale } from "./scale";

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function axes(panel: { x: Schemas["Axis"]; y: Schemas["Axis"] }, across: Scale, up: Scale, box: Box): SVGElement[] {
  const [bottom, right] = [box.y + box.height, box.x + box.width];
  const group = s("g", { class: "axes" });
  for (const tick of up.ticks) {
    group.append(s("line", { x1: box.x, x2: right, y1: up(tick), y2: up(tick), class: "grid" }));
    group.append(s("text", { x: box.x - 6, y: up(tick) + 4, "text-anchor": "end" }, number(tick)));
  }
  for (const tick of across.ticks) {
    if (across(tick) > right + 1) continue;
    group.append(s("line", { x1: across(tick), x2: across(tick), y1: bottom, y2: bottom + 4, class: "tick" }));
    group.append(s("text", { x: across(tick), y: bottom + 16, "text-anchor": "middle" }, number(tick)));
  }
  group.append(s("line", { x1: box.x, x2: right, y1: bottom, y2: bottom, class: "tick" }));
  group.append(s("text", { x: right, y: bottom + 31, "text-anchor": "end", class: "name" }, named(panel.x)));
  return [group];
}

export function named(axis: Schemas["Axis"]): string {
  return axis.unit ? `${axis.name} (${axis.unit})` : axis.name;
}

/** Labels of marks above the panel, in as many rows as keep them apart. */
export function labelled(marks: Schemas["Mark"][], across: Scale, right: number) {
  const ends: number[] = [];
  const placed = [...marks]
    .sort((one, other) => one.step - other.step)
    .map((mark) => {
      const wide = mark.label.length * 6.2 + 8;
      const from = Math.min(across(mark.step), right - wide + 6);
      let row = ends.findIndex((end) => end <= from);
      if (row < 0) row = ends.length;
      ends[row] = from + wide;
      return { mark, from, row };
    });
  return {
    rows: ends.length,
    draw(top: number, bottom: number): SVGElement[] {
      return placed.map(({ mark, from, row }) => {
        const y = 14 * row + 12;
        const x = across(mark.step);
        const group = s("g", { class: "mark" }, s("line", { x1: x, x2: x, y1: y + 3, y2: bottom }), s("text", { x: from, y }, mark.label));
        if (mark.low != null && mark.high != null)
          group.append(s("line", { x1: across(mark.low), x2: across(mark.high), y1: top + 3, y2: top + 3, class: "interval" }));
        group.append(s("title", {}, `${mark.label}: ${number(mark.step)}${mark.low != null ? `, 95 % interval ${number(mark.low)} to ${number(mark.high)}` : ""}`));
        return group;
      });
    },
  };
}
