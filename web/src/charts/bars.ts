/** Values by name, each with its interval. */
import type { Schemas } from "../api/client";
import { h, s } from "../dom";
import { number } from "../text";
import { named } from "./axes";
import { extent, scale } from "./scale";

export function bars(panel: Schemas["Bars"]): HTMLElement {
  const ends = extent([0, ...panel.values, ...(panel.low ?? []), ...(panel.high ?? []), ...panel.levels.map((level) => level.value)]) ?? [0, 1];
  const across = scale(panel.value, panel.value.low ?? ends[0], panel.value.high ?? ends[1], 0, 100);
  const rows = panel.names.map((name, place) => {
    const value = panel.values[place] ?? null;
    const bar = s("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    if (value !== null) bar.append(s("rect", { x: Math.min(across(0), across(value)), y: 2, width: Math.abs(across(value) - across(0)), height: 6 }));
    const [low, high] = [panel.low?.[place], panel.high?.[place]];
    if (low != null && high != null) bar.append(s("line", { x1: across(low), x2: across(high), y1: 5, y2: 5 }));
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "drawn" }, bar), h("td", {}, number(value)));
  });
  const head = h("tr", {}, h("th", {}, "name"), h("th", {}, panel.interval || "as a bar"), h("th", {}, named(panel.value)));
  return h("figure", { class: "panel" }, panel.title ? h("h3", {}, panel.title) : null, h("table", { class: "bars" }, h("thead", {}, head), h("tbody", {}, ...rows)));
}
