/** Moving the time cursor and the zoom on a chart, by pointer and by keyboard. */
import { s } from "../dom";
import type { Time } from "../state";
import type { Scale } from "./scale";

export function steer(svg: SVGSVGElement, time: Time, across: () => Scale | null, shown: () => [number, number], whole: [number, number]): void {
  let from: number | null = null;
  const brush = s("rect", { class: "brush" });
  const moment = (event: PointerEvent): number => {
    const box = svg.getBoundingClientRect();
    const [low, high] = shown();
    return Math.min(high, Math.max(low, across()?.invert(event.clientX - box.left) ?? low));
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = moment(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const now = moment(event);
    if (from === null) {
      if (event.pointerType === "mouse") time.to(now);
      return;
    }
    const map = across();
    if (!map) return;
    const [left, right] = [map(Math.min(from, now)), map(Math.max(from, now))];
    const top = Number(svg.dataset["top"] ?? 0);
    for (const [name, value] of Object.entries({ x: left, width: right - left, y: top, height: Number(svg.dataset["height"] ?? 0) - top - 38 }))
      brush.setAttribute(name, String(value));
    if (!brush.isConnected) svg.append(brush);
  });
  svg.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const now = moment(event);
    brush.remove();
    const [low, high] = shown();
    if (Math.abs(now - from) > (high - low) / 50) time.zoom([Math.min(from, now), Math.max(from, now)]);
    else time.to(now);
    from = null;
  });
  svg.addEventListener("pointercancel", () => {
    from = null;
    brush.remove();
  });
  svg.addEventListener("dblclick", () => time.zoom(null));
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // those are the browser's
    if (byKey(event.key, event.shiftKey, time, shown(), whole)) event.preventDefault();
  });
}

/** Left and right move the cursor (ten times as far with Shift), plus and minus zoom around it, 0 shows all. */
export function byKey(key: string, shift: boolean, time: Time, [low, high]: [number, number], [first, last]: [number, number]): boolean {
  const step = time.step ?? Math.round((low + high) / 2);
  const stride = Math.max(1, Math.round((high - low) / (shift ? 20 : 200)));
  const held = (value: number) => Math.min(high, Math.max(low, value));
  const around = (factor: number): [number, number] => [Math.max(first, step - (step - low) * factor), Math.min(last, step + (high - step) * factor)];
  const actions: Record<string, () => void> = {
    ArrowLeft: () => time.to(held(step - stride)),
    ArrowRight: () => time.to(held(step + stride)),
    Home: () => time.to(low),
    End: () => time.to(high),
    "+": () => time.zoom(around(0.5)),
    "-": () => time.zoom(time.range ? around(2) : null),
    "0": () => time.zoom(null),
    Escape: () => time.zoom(null),
  };
  actions[key]?.();
  return key in actions;
}
