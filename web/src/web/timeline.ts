/** Merges, heating and the heating signal on the axis of the snapshots. */
import { h, s } from "../dom";
import { number } from "../text";
import type { History } from "./moments";
import { place } from "./moments";

const [WIDTH, HEIGHT] = [1000, 46];

export function timeline(history: History, events: Record<string, unknown>[], to: (index: number) => void) {
  const count = history.moments.length;
  const x = (index: number) => (count < 2 ? WIDTH / 2 : 8 + (index * (WIDTH - 16)) / (count - 1));
  const merges = history.moments.map((moment) => history.merges.filter((merge) => merge.step === moment.step).length);
  const most = Math.max(1, ...merges.slice(1));
  const now = s("line", { class: "cursor", y1: 0, y2: HEIGHT });
  const svg = s("svg", { class: "timeline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": summary(history, merges) });
  for (const [low, high] of heated(events, history))
    svg.append(s("rect", { class: "band", x: x(low), y: 0, width: Math.max(3, x(high) - x(low)), height: HEIGHT }, s("title", {}, "heated")));
  merges.forEach((many, index) => {
    const tall = Math.min(1, many / most) * (HEIGHT - 8);
    const title = `update ${number(history.moments[index]!.step)}: ${many === 1 ? "1 merge" : `${many} merges`}`;
    svg.append(s("rect", { class: "merge", x: x(index) - 5, y: HEIGHT - tall, width: 10, height: tall }, s("title", {}, title)));
    svg.append(s("line", { class: "tick", x1: x(index), x2: x(index), y1: HEIGHT - 3, y2: HEIGHT }));
  });
  if (history.signal !== null) {
    const at = x(between(history, history.signal));
    svg.append(s("line", { class: "signal", x1: at, x2: at, y1: 0, y2: HEIGHT }, s("title", {}, `heating signal at update ${number(history.signal)}`)));
  }
  svg.append(now);
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    to(Math.round((((event.clientX - box.left) / box.width) * WIDTH - 8) / ((WIDTH - 16) / Math.max(1, count - 1))));
  });
  const key = ["bars: merges of islands between snapshots", "thin line: the snapshot shown", history.signal !== null && "orange: heating signal", svg.querySelector(".band") && "shaded: heated"].filter(Boolean).join("; ");
  const ends = h("div", { class: "heat-axis" }, h("span", {}, `update ${number(history.moments[0]!.step)}`), h("span", {}, key), h("span", {}, number(history.moments[count - 1]!.step)));
  return {
    element: h("div", {}, svg, ends),
    show(index: number): void {
      for (const end of ["x1", "x2"]) now.setAttribute(end, String(x(index)));
    },
  };
}

/** Where a step lies on an axis on which snapshots are equally far apart. */
function between(history: History, step: number): number {
  const before = place(history, step);
  const [low, high] = [history.moments[before]!.step, history.moments[before + 1]?.step];
  return high === undefined ? before : before + Math.min(1, Math.max(0, (step - low) / (high - low)));
}

function summary(history: History, merges: number[]): string {
  const total = merges.reduce((sum, one) => sum + one, 0);
  return `${total} merges of islands at ${merges.filter(Boolean).length} of ${history.moments.length} snapshots`;
}

/** From which snapshot to which the run was heated. */
function heated(events: Record<string, unknown>[], history: History): [number, number][] {
  const found: [number, number][] = [];
  let start: number | null = null;
  for (const event of events) {
    const step = Number(event["step"]);
    if (event["event"] === "heating_started") start = step;
    if (event["event"] === "heating_ended" && start !== null) {
      found.push([between(history, start), between(history, step)]);
      start = null;
    }
  }
  if (start !== null) found.push([between(history, start), history.moments.length - 1]);
  return found;
}
