/** Names of the series with their colours, and their values at the time cursor. */
import type { Series } from "../api/client";
import { h, s } from "../dom";
import { number } from "../text";
import { at } from "./paths";

export interface Legend {
  element: HTMLElement;
  show(step: number | null): void;
}

export function legend(series: Series[], colour: (place: number) => string, quantity: string): Legend {
  const values = series.map(() => h("span", { class: "value" }));
  const element = h("ul", { class: "legend" });
  series.forEach((one, place) => {
    const swatch = s("svg", { width: 18, height: 10, class: colour(place), "aria-hidden": "true" });
    const dotted = one.role === "measured";
    swatch.append(s("path", { d: dotted ? "M3 5h0M9 5h0M15 5h0" : "M0 5H18", class: dotted ? "dots" : `curve ${one.role}` }));
    const name = h("span", { title: [one.definition, one.interval && `Shaded: ${one.interval}.`].filter(Boolean).join(" ") || null }, one.name || quantity);
    element.append(h("li", {}, swatch, name, values[place]!));
  });
  return {
    element,
    show(step) {
      series.forEach((one, place) => {
        const index = step === null ? -1 : at(one.x, step);
        values[place]!.textContent = step === null ? "" : number(index < 0 ? null : one.y[index]);
      });
    },
  };
}
