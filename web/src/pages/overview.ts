/** The headline findings in words, each with the way to its chart, and all charts under one time cursor. */
import { address, get, type Headlines, type Overview, type View } from "../api/client";
import { h, replace } from "../dom";
import { eventTable } from "../parts/events";
import { failure, waiting } from "../parts/failure";
import { info } from "../parts/info";
import { viewCard } from "../parts/view";
import { words } from "../parts/words";
import type { Time } from "../state";

const ELSEWHERE = ["concept-web", "problems"]; // have tabs of their own

export async function overviewTab(main: HTMLElement, overview: Overview, time: Time): Promise<void> {
  const name = overview.run.name;
  let said = main.querySelector<HTMLElement>(".headlines");
  let charts = main.querySelector<HTMLElement>(".views");
  if (!said || !charts) {
    said = h("section", { class: "headlines", "aria-label": "findings" }, waiting("reading the rollouts"));
    charts = h("div", { class: "views" });
    replace(main, said, controls(time), charts);
  }
  const events = eventTable(overview);
  const before = main.querySelector<HTMLDetailsElement>(".events");
  if (events && before) {
    (events as HTMLDetailsElement).open = before.open;
    before.replaceWith(events);
  } else if (events) main.append(events);
  const views = overview.views.filter((view) => !ELSEWHERE.includes(view));
  for (const view of views) await place(charts, name, view, time);
  await say(said, name, time);
}

async function place(charts: HTMLElement, name: string, view: string, time: Time): Promise<void> {
  let card: HTMLElement;
  try {
    card = viewCard(name, await get<View>(address("runs", name, "views", view)), time);
  } catch (error) {
    card = h("section", { class: "view", id: `view-${view}` }, h("h2", {}, view), failure(error));
  }
  const before = charts.querySelector(`#view-${CSS.escape(view)}`);
  if (before) before.replaceWith(card);
  else charts.append(card);
}

async function say(said: HTMLElement, name: string, time: Time): Promise<void> {
  try {
    const found = await get<Headlines>(address("runs", name, "headlines"));
    const lines = found.headlines.map((line) =>
      h(
        "li",
        { class: `headline is-${line.urgency}` },
        h("span", { class: "urgency" }, line.urgency),
        h(
          "div",
          {},
          h("p", {}, line.view ? h("a", { href: `#view-${line.view}`, onclick: (event: Event) => jump(event, line.view!, line.step, time) }, ...words(line.text)) : h("span", {}, ...words(line.text))),
          line.remedy ? h("p", { class: "remedy" }, "What people do then: ", ...words(line.remedy), line.source ? ` (${line.source})` : "") : null,
          line.evidence && !line.text.toLowerCase().includes(line.evidence.toLowerCase()) ? h("p", { class: "evidence" }, ...words(line.evidence)) : null,
        ),
      ),
    );
    const numbers = found.numbers.map((one) => h("div", { class: "tile" }, h("dt", {}, one.name, info(one.definition)), h("dd", {}, one.value)));
    replace(
      said,
      lines.length ? h("ol", {}, ...lines) : h("p", { class: "empty" }, found.why || "The rollouts give no finding."),
      numbers.length ? h("dl", { class: "tiles" }, ...numbers) : null,
    );
  } catch (error) {
    replace(said, failure(error));
  }
}

function jump(event: Event, view: string, step: number | null, time: Time): void {
  event.preventDefault();
  if (step !== null) time.to(step);
  const target = document.getElementById(`view-${view}`);
  target?.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  target?.focus({ preventScroll: true });
}

/** Smoothing, which never hides the raw points, and the way back from a zoom. */
export function controls(time: Time): HTMLElement {
  const said = h("output", {});
  const slider = h("input", { type: "range", min: 1, max: 61, step: 4, value: time.smoothing, "aria-label": "smoothing", oninput: () => time.smooth(Number(slider.value)) });
  const reset = h("button", { type: "button", onclick: () => time.zoom(null) }, "show all steps");
  const show = () => {
    said.textContent = time.smoothing > 1 ? `mean of ${time.smoothing} steps; each is a dot` : "off";
    reset.disabled = time.range === null;
  };
  time.listen(show);
  show();
  const keys = info("Drag on a chart to zoom in, double-click to see all. With the keyboard: arrows move the moment, + and - zoom, 0 shows all.");
  return h("div", { class: "bar" }, h("label", {}, "smoothing ", slider), said, reset, keys);
}
