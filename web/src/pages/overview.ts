/** The headline findings in words, each with the way to its chart, and all charts under one time cursor. */
import { address, get, type Headlines, type Overview, type View } from "../api/client";
import { seen } from "../api/pace";
import { h, replace, swap } from "../dom";
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
  showEvents(main, overview);
  const views = overview.views.filter((view) => !ELSEWHERE.includes(view));
  for (const view of views) {
    await seen(time.leaving);
    if (!main.isConnected) return;
    await place(charts, name, view, time);
  }
  await seen(time.leaving);
  if (main.isConnected) void say(said, name, time); // it takes longest, and nothing waits for it
}

/** Show what happened in the run, also between two drawings. */
export function showEvents(main: HTMLElement, overview: Overview): void {
  const events = eventTable(overview);
  const before = main.querySelector<HTMLDetailsElement>(".events");
  if (events && before) {
    events.open = before.open;
    swap(before, events);
  } else if (events) main.append(events);
}

async function place(charts: HTMLElement, name: string, view: string, time: Time): Promise<void> {
  const before = charts.querySelector(`#view-${CSS.escape(view)}`);
  let card: HTMLElement;
  try {
    card = viewCard(name, await get<View>(address("runs", name, "views", view)), time);
  } catch (error) {
    if (before) throw error; // what is shown stays
    card = h("section", { class: "view", id: `view-${view}` }, h("h2", {}, view), failure(error));
  }
  if (before) swap(before, card);
  else charts.append(card);
}

async function say(said: HTMLElement, name: string, time: Time): Promise<void> {
  if (said.dataset["asks"]) return;
  said.dataset["asks"] = "yes";
  try {
    const found = await get<Headlines>(address("runs", name, "headlines"));
    const key = JSON.stringify(found);
    if (said.dataset["says"] === key) return; // nothing is read out, and no focus lost, for nothing new
    said.dataset["says"] = key;
    const lines = found.headlines.map((line) =>
      h(
        "li",
        { class: `headline is-${line.urgency}` },
        h("span", { class: "urgency" }, line.urgency),
        h(
          "div",
          {},
          h("p", {}, line.view ? h("a", { href: `#view-${line.view}`, onclick: (event: Event) => jump(event, line.view!, line.step, time) }, ...words(line.text)) : h("span", {}, ...words(line.text))),
          line.remedy ? h("p", { class: "remedy" }, "What people do then: ", ...words(line.remedy), ...words(line.source ? ` (${line.source})` : "")) : null,
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
    if (said.querySelector(".waiting, .failure")) replace(said, failure(error)); // else what is shown stays
  } finally {
    delete said.dataset["asks"];
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
  time.listen(reset, show);
  show();
  const keys = info("Drag on a chart to zoom in, double-click to see all. With the keyboard: arrows move the moment, + and - zoom, 0 shows all.");
  return h("div", { class: "bar" }, h("label", {}, "smoothing ", slider), said, reset, keys);
}
