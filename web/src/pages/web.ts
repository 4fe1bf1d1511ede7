/** The web through time: one layout, a slider with play, islands that keep their colour through merges. */
import { address, get, offline, type Overview, type Schemas } from "../api/client";
import { h, replace } from "../dom";
import { failure, waiting } from "../parts/failure";
import { info } from "../parts/info";
import { saveButtons } from "../parts/save";
import { remember, read, type Time } from "../state";
import { counted, number } from "../text";
import { drawing, type Drawing } from "../web/drawing";
import { aside } from "../web/aside";
import { moments, place } from "../web/moments";
import { timeline } from "../web/timeline";

export async function webTab(main: HTMLElement, overview: Overview, time: Time): Promise<(() => void) | void> {
  const name = overview.run.name;
  if (!main.querySelector(".web")) replace(main, waiting("laying out the web"));
  let history: Schemas["WebHistory"];
  try {
    history = await get<Schemas["WebHistory"]>(address("runs", name, "web"));
  } catch (error) {
    if (main.querySelector(".web")) throw error; // what is shown stays
    replace(main, failure(error));
    return;
  }
  // A run that trains is asked again and again: it is drawn anew where there is a new snapshot.
  const key = String(history.moments.at(-1)?.step);
  const until = main.querySelector<HTMLElement>(".web")?.dataset["until"];
  if (until === key) return;
  if (until !== undefined && time.step === Number(until)) time.to(Number(key)); // who looks at the newest goes on to the newer
  if (!main.isConnected) return;
  const state = moments(history);
  const last = history.moments.length - 1;
  const box = h("div", { class: "sigma", role: "application", tabindex: 0, "aria-label": "the concept web; arrows move it, plus and minus zoom, 0 shows all; what it shows is said below" });
  const said = h("p", { class: "web-said", "aria-live": "polite" });
  const slider = h("input", { type: "range", min: 0, max: last, step: 1, class: "web-slider", "aria-label": "snapshot", oninput: () => show(Number(slider.value), true) });
  const play = h("button", { type: "button", onclick: toggle }, "play");
  const strip = timeline(history, overview.events, (to) => show(to, true));
  const since = h("select", { onchange: () => compare() }, h("option", { value: "" }, "no step"), ...history.moments.slice(0, last).map((one) => h("option", { value: one.step }, number(one.step))));
  const problem = h("input", { type: "number", min: 0, max: history.nodes.questions.length - 1, placeholder: "none", oninput: () => follow() });
  const details = aside(name, history, state, { node: (id) => pick(id), problem: (index) => choose(index), all: () => showAll() });
  const left = h("div", { class: "web-left" });
  const save = saveButtons(() => `${name}-web-${history.moments[state.index]!.step}`, () => left, (element) => (element === box ? drawn.vector() : null));
  const full = offline ? null : h("a", { href: `${address("runs", name, "figures", "concept-web")}?suffix=svg`, download: `${name}-concept-web.svg` }, "SVG of three moments");
  const controls = h("div", { class: "bar" }, play, slider, h("label", {}, "flipped since ", since), h("label", {}, "path of problem ", problem), h("span", { class: "save" }, save, full), info(help(history)));
  replace(main, h("section", { class: "web", "data-until": key }, left, details.element));
  replace(left, controls, strip.element, box, said, h("p", { class: "caption" }, "Rings: questions. Squares: answers. Colour: the island. Size: successful walks. " + (history.note ?? "")));

  let drawn: Drawing;
  try {
    drawn = drawing(box, history, state, { over: (id) => details.hover(id), click: (id) => pick(id) });
  } catch (error) {
    replace(box, failure(error), h("p", {}, "Drawing needs WebGL, which this browser does not give."));
    drawn = { refresh: () => undefined, step: () => undefined, vector: () => null, end: () => undefined, to: () => undefined, frame: () => undefined };
  }

  /** Show a snapshot; `slid` where nothing but the moment is another. */
  function show(index: number, slid = false): void {
    state.index = Math.min(last, Math.max(0, index));
    const moment = history.moments[state.index]!;
    slider.value = String(state.index);
    slider.setAttribute("aria-valuetext", `update ${moment.step}`);
    strip.show(state.index);
    const touched = state.update();
    if (slid) drawn.step(touched);
    else drawn.refresh();
    const islands = counted(moment.islands, "island");
    const lost = state.since === null ? "" : `; since update ${number(history.moments[state.since]!.step)}: ${counted(state.flipped.size, "best edge")} flipped, ${counted(state.cutOff().length, "problem")} cut off`;
    const left = state.leftOut ? ` The ${number(moment.edges.length - state.leftOut)} likeliest of ${number(moment.edges.length)} edges are drawn.` : "";
    said.textContent = `Update ${number(moment.step)}: ${islands}, the largest of ${number(moment.largest)} nodes; the best edges solve ${moment.paths.filter((path) => path.length).length} of ${moment.paths.length} problems${lost}.${left}`;
    details.show();
    time.to(moment.step);
  }

  function compare(): void {
    state.since = since.value === "" ? null : history.moments.findIndex((one) => one.step === Number(since.value));
    remember({ since: since.value });
    show(state.index);
  }

  function follow(): void {
    state.problem = index(problem.value, history.nodes.questions.length);
    remember({ problem: state.problem });
    show(state.index);
    drawn.frame();
  }

  function choose(index: number | null): void {
    problem.value = index === null ? "" : String(index);
    follow();
  }

  function pick(id: number | null): void {
    state.node = id;
    remember({ node: id });
    if (id !== null) drawn.to(id);
    show(state.index);
  }

  function showAll(): void {
    state.chosen = [];
    remember({ problems: null });
    choose(null);
  }

  let playing = 0;
  function toggle(): void {
    const starts = playing === 0;
    window.clearInterval(playing);
    playing = 0;
    play.textContent = starts ? "stop" : "play";
    if (!starts) return;
    if (state.index === last) show(0, true);
    playing = window.setInterval(() => {
      if (!box.isConnected || state.index >= last) toggle();
      else show(state.index + 1, true);
    }, 500);
  }

  const { query } = read();
  const problems = history.nodes.questions.length;
  state.chosen = (query.get("problems") ?? "").split(",").flatMap((one) => index(one, problems) ?? []);
  state.problem = index(query.get("problem"), problems);
  if (state.problem !== null) problem.value = String(state.problem);
  state.node = index(query.get("node"), Infinity);
  const before = index(query.get("since"), Infinity);
  if (before !== null && last > 0) {
    state.since = Math.min(last - 1, place(history, before));
    since.value = String(history.moments[state.since]!.step);
  }
  show(time.step === null ? last : place(history, time.step));
  if (state.problem !== null) drawn.frame();
  return () => {
    window.clearInterval(playing);
    drawn.end();
  };
}

/** A whole number below a bound; null where an address or a field holds none. */
function index(text: string | undefined | null, below: number): number | null {
  return text && /^\d+$/.test(text) && Number(text) < below ? Number(text) : null;
}

function help(history: Schemas["WebHistory"]): string {
  return (
    `Edges that the policy takes with probability π ≥ ${history.threshold}, and the nodes they touch, at the same places at every snapshot. ` +
    "Colour: an island (a connected component, direction aside); the ten that ever grow largest have one each and keep it through merges, from one snapshot to the next by the nodes they share. " +
    "Size: successful walks through a node. Squares are answers, rings questions; edges point to where walks go. The path of a problem follows the best edge of each node. " +
    "The layout decides for the last snapshot; nothing moves."
  );
}
