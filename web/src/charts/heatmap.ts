/** Values over two axes as colours, on a canvas; what stands under the pointer is said in words. */
import type { HeatMap } from "../api/client";
import { h } from "../dom";
import type { Time } from "../state";
import { number } from "../text";
import { named } from "./axes";
import { heat } from "./colours";

export function heatMap(panel: HeatMap, time: Time | null, label: string): HTMLElement {
  const [rows, columns] = [panel.values.length, panel.x_edges.length - 1];
  const canvas = h("canvas", { width: columns, height: rows, class: "heat", role: "img", "aria-label": label });
  paint(canvas, panel.values, panel.value.low ?? 0, panel.value.high ?? 1);
  const said = h("output", { class: "where" });
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)));
    const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)));
    const step = panel.x_edges[column] ?? 0;
    said.textContent = `${panel.x.name} ${number(step)}, ${panel.row_names?.[row] ?? `row ${row + 1}`}: ${panel.value.name} ${number(panel.values[row]?.[column])}`;
    time?.to(step);
  });
  return h(
    "figure",
    { class: "panel" },
    panel.title ? h("h3", {}, panel.title) : null,
    h("div", { class: "heat-box" }, canvas),
    h("div", { class: "heat-axis" }, h("span", {}, number(panel.x_edges[0])), h("span", {}, named(panel.x)), h("span", {}, number(panel.x_edges.at(-1)))),
    scaleOf(named(panel.value), panel.value.low ?? 0, panel.value.high ?? 1),
    said,
  );
}

export function paint(canvas: HTMLCanvasElement, values: readonly (readonly (number | null)[])[], low: number, high: number): void {
  const context = canvas.getContext("2d");
  if (!context || !canvas.width || !canvas.height) return;
  const image = context.createImageData(canvas.width, canvas.height);
  values.forEach((row, y) =>
    row.forEach((value, x) => {
      if (value === null) return;
      image.data.set([...heat((value - low) / (high - low || 1)), 255], 4 * (y * canvas.width + x));
    }),
  );
  context.putImageData(image, 0, 0);
}

export function scaleOf(name: string, low: number, high: number): HTMLElement {
  return h("div", { class: "heat-scale" }, h("span", {}, number(low)), h("span", { class: "heat-ramp" }), h("span", {}, number(high)), h("span", {}, name));
}
