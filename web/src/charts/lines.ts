/**
 * Curves over a common axis, drawn as SVG by ourselves: it follows the page's colours by CSS, a screen reader and
 * a test can read it, and it is itself the file that is saved. A library on canvas (uPlot was looked at) would need
 * plug-ins for marks, bands, intervals and levels, and gives no SVG.
 */
import type { Lines, Series } from "../api/client";
import { h, replace, s } from "../dom";
import type { Time } from "../state";
import { number } from "../text";
import { axes, labelled, named } from "./axes";
import { legend } from "./legend";
import { area, curve, dots, smoothed } from "./paths";
import { extent, scale, type Scale } from "./scale";
import { steer } from "./steer";

const [LEFT, RIGHT, BOTTOM] = [52, 12, 38];

export function lines(panel: Lines, time: Time | null, label: string): HTMLElement {
  const colour = colours(panel.series);
  const names = legend(panel.series, colour, panel.y.name);
  const svg = s("svg", { class: "chart", role: "img", "aria-label": label, tabindex: time ? 0 : null });
  const cursor = s("line", { class: "cursor" });
  const where = h("div", { class: "where" });
  // Of all the charts under one cursor, the one that has the focus says where it is.
  svg.addEventListener("focus", () => where.setAttribute("aria-live", "polite"));
  svg.addEventListener("blur", () => where.removeAttribute("aria-live"));
  const known = panel.series.some((one) => one.y.some((value) => value !== null));
  const element = h(
    "figure",
    { class: "panel" },
    panel.title ? h("h3", {}, panel.title) : null,
    h("p", { class: "y-name" }, named(panel.y)),
    names.element,
    known ? null : h("p", { class: "empty" }, panel.empty ?? ""),
    known ? svg : null,
    where,
  );
  let across: Scale | null = null;
  const [first, last] = extent(panel.series.flatMap((one) => one.x)) ?? [0, 1];
  const single = first === last ? 1 : 0; // stands in the middle, not half cut off at the edge
  const whole: [number, number] = [Math.min(first - single, panel.x.low ?? first), Math.max(last + single, panel.x.high ?? last)];

  function drawCursor(): void {
    const step = time?.step ?? null;
    names.show(step);
    const [low, high] = shown();
    const there = step !== null && across !== null && step >= low && step <= high;
    cursor.style.display = there ? "" : "none";
    where.textContent = step === null ? "" : `${panel.x.name} ${number(step)}`;
    if (there && across) for (const end of ["x1", "x2"]) cursor.setAttribute(end, across(step).toFixed(1));
  }

  function shown(): [number, number] {
    return time?.range ?? whole;
  }

  let drawn = "";
  function draw(): void {
    const width = svg.clientWidth || 480;
    const key = `${width} ${time?.range ?? ""} ${time?.smoothing ?? 1}`;
    if (key !== drawn) {
      drawn = key;
      across = render(svg, panel, width, shown(), time?.smoothing ?? 1, colour);
      svg.append(cursor);
      const top = Number(svg.dataset["top"]);
      cursor.setAttribute("y1", String(top));
      cursor.setAttribute("y2", String(Number(svg.dataset["height"]) - BOTTOM));
    }
    drawCursor();
  }

  if (known) {
    new ResizeObserver(draw).observe(svg);
    if (time) {
      time.listen(element, draw);
      steer(svg, time, () => across, shown, whole);
    }
  }
  return element;
}

/** A series, or that of a second run: then `like` is the place of what is the same of the first, -1 where nothing is. */
export type Curve = Series & { like?: number };

/** A colour a series; what was measured has that of the curve through it, which follows on it. */
function colours(series: Curve[]): (place: number) => string {
  let next = 0;
  const found: string[] = [];
  for (const one of series) {
    const second = one.like === undefined ? "" : " second";
    if (one.like !== undefined && one.like >= 0) found.push(found[one.like] + second);
    else if (one.role === "measured") found.push(`measured c${(next % 6) + 1}${second}`);
    else if (one.role === "reference") found.push(`c-reference${second}`);
    else found.push(`c${(next++ % 6) + 1}${second}`);
  }
  return (place) => found[place] ?? "c1";
}

function render(
  svg: SVGSVGElement,
  panel: Lines,
  width: number,
  [low, high]: [number, number],
  smoothing: number,
  colour: (place: number) => string,
): Scale {
  const marks = panel.marks.filter((mark) => mark.step >= low && mark.step <= high);
  const across = scale(panel.x, low, high, LEFT, width - RIGHT);
  const labels = labelled(marks, across, width - RIGHT);
  const top = 8 + 14 * labels.rows;
  const height = top + 170 + BOTTOM;
  const visible = panel.series.flatMap((one) => one.y.filter((_, place) => inside(one.x[place], low, high)));
  const whole = extent([...visible, ...panel.levels.map((level) => level.value)]) ?? [0, 1];
  const floor = Math.min(whole[0], panel.y.low ?? whole[0]);
  const ceiling = Math.max(whole[1], panel.y.high ?? whole[1]);
  const up = scale(panel.y, floor, ceiling === floor ? floor + 1 : ceiling, height - BOTTOM, top);
  const clip = `clip-${Math.random().toString(36).slice(2)}`;
  const box = { x: LEFT, y: top, width: Math.max(1, width - RIGHT - LEFT), height: height - BOTTOM - top };
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  Object.assign(svg.dataset, { top: String(top), height: String(height) });
  const inner = s("g", { "clip-path": `url(#${clip})` });
  for (const band of panel.bands) {
    const [from, to] = [across(Math.max(band.low, low)), across(Math.min(band.high, high))];
    if (to > from) inner.append(s("rect", { ...box, x: from, width: to - from, class: "band" }, s("title", {}, band.label)));
  }
  panel.series.forEach((one, place) => inner.append(...drawSeries(one, across, up, smoothing, colour(place))));
  for (const level of panel.levels) {
    inner.append(s("line", { x1: box.x, x2: box.x + box.width, y1: up(level.value), y2: up(level.value), class: "level" }));
    inner.append(s("text", { x: box.x + 4, y: up(level.value) - 4, class: "note" }, level.label));
  }
  replace(svg, s("clipPath", { id: clip }, s("rect", { ...box, y: box.y - 4, height: box.height + 8 })), ...axes(panel, across, up, box), inner, ...labels.draw(top, height - BOTTOM));
  return across;
}

function drawSeries(one: Series, across: Scale, up: Scale, smoothing: number, colour: string): SVGElement[] {
  const group = s("g", { class: colour });
  if (one.low && one.high) group.append(s("path", { d: area(one.x, one.low, one.high, across, up), class: "area" }));
  const raw = one.role === "measured" || smoothing > 1;
  if (raw) group.append(s("path", { d: dots(one.x, one.y, across, up), class: "dots" }));
  const values = smoothing > 1 ? smoothed(one.x, one.y, smoothing) : one.y;
  if (one.role !== "measured" || smoothing > 1) group.append(s("path", { d: curve(one.x, values, across, up), class: `curve ${one.role}` }));
  if (one.role !== "measured" && smoothing <= 1 && one.x.length <= 40) group.append(s("path", { d: dots(one.x, one.y, across, up), class: "points" }));
  return [group];
}

function inside(value: number | null | undefined, low: number, high: number): boolean {
  return value !== null && value !== undefined && value >= low && value <= high;
}
