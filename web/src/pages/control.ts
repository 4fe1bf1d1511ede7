/** Steering a run that trains: each action is done between two updates, and is an event of the run. */
import { address, get, type Overview, post, type Schemas } from "../api/client";
import { pause } from "../api/pace";
import { h, replace } from "../dom";
import { link } from "../state";
import { number } from "../text";

const NAMES: Record<string, string> = { go: "go on", temperature: "entropy bonus" }; // as the buttons say

const LOOK = 500; // milliseconds between two looks at whether an action was done
const LOOKS = 40;

/** The buttons; `noted` is told what there is of the run once an action has been done: while it is paused nothing else is heard of it. */
export function controlBar(overview: Overview, leaving: AbortSignal, noted: (now: Overview) => void): HTMLElement | null {
  if (overview.run.state !== "training") return null;
  if (!overview.steerable) return otherwise(overview);
  const said = h("output", { class: "said", "aria-live": "polite" });
  let turns = 0;
  const updates = h("input", { type: "number", min: 1, value: 10, "aria-label": "updates of the heating" });
  const weight = h("input", { type: "number", min: 0, step: "any", placeholder: "0.02", "aria-label": "weight of the entropy bonus" });
  const act = async (action: string, value: number | null = null) => {
    const name = NAMES[action] ?? action;
    said.className = "said";
    said.textContent = `${name}: asked for`;
    const turn = ++turns;
    const events = async () => {
      const now = await get<Overview>(address("runs", overview.run.name));
      return { now, done: now.events.filter((event) => event.event === "steered" && event["action"] === action) };
    };
    try {
      const before = (await events()).done.length;
      await post<Schemas["Asked"]>(address("runs", overview.run.name, "actions"), { action, value });
      said.textContent = `${name}: handed over; the run notes it as an event`;
      for (let look = 0; look < LOOKS && turn === turns && !leaving.aborted; look++) {
        const { now, done } = await events();
        if (leaving.aborted) return;
        if (done.length > before) {
          noted(now);
          if (turn === turns) said.textContent = `${name}: done, at update ${number(done.at(-1)!.step)}`;
          return;
        }
        await pause(LOOK, leaving);
      }
    } catch (error) {
      said.className = "said failure";
      said.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const button = (name: string, action: () => void) => h("button", { type: "button", onclick: action }, name);
  const given = (input: HTMLInputElement) => (input.value === "" ? null : Number(input.value));
  return h(
    "section",
    { class: "bar control", "aria-label": "steer the run" },
    button("pause", () => void act("pause")),
    button("go on", () => void act("go")),
    h("span", { class: "group" }, button("heat", () => void act("heat", given(updates))), updates, " updates"),
    h("span", { class: "group" }, button("set entropy bonus", () => void act("temperature", given(weight))), weight),
    button("stop", () => void act("stop")),
    said,
  );
}

/** Why there are no buttons, and what can be done in their place. */
function otherwise(overview: Overview): HTMLElement {
  const said =
    overview.run.kind === "language_model"
      ? ["The run of a language model cannot be steered from here. To change its settings, stop it, and go on from its last checkpoint with ", "conet llm resume RUN --set key=value", "."]
      : ["This run was started without ", "--control", ", so it cannot be steered."];
  return h("p", { class: "bar control", role: "note" }, h("span", {}, said[0]!, h("code", {}, said[1]!), said[2]!));
}

/** A form that begins a run, as `conet run --control` would. */
export function startForm(began: (name: string) => void): HTMLElement {
  const preset = h("select", {});
  const purpose = h("p", { class: "caption" });
  const seed = h("input", { type: "number", min: 0, value: 0 });
  const steps = h("input", { type: "number", min: 1, placeholder: "as preset" });
  const settings = h("textarea", { rows: 2, placeholder: "graph.nodes=400 learner.rollouts=16", "aria-label": "settings" });
  const said = h("p", { "aria-live": "polite" });
  const go = h("button", { type: "submit" }, "start");
  let known: Schemas["Preset"][] = [];
  const describe = () => (purpose.textContent = known.find((one) => one.name === preset.value)?.purpose ?? "");
  preset.addEventListener("change", describe);
  const form = h("form", { class: "bar" }, h("label", {}, "preset ", preset), h("label", {}, "seed ", seed), h("label", {}, "updates ", steps), settings, go);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go.disabled = true;
    said.className = "waiting";
    said.textContent = "the run begins";
    const body = { preset: preset.value, seed: Number(seed.value), steps: steps.value ? Number(steps.value) : null, settings: settings.value.trim().split(/\s+(?=[\w.]+=)/).filter(Boolean) };
    post<Schemas["Started"]>("api/runs", body)
      .then((started) => {
        said.className = "";
        replace(said, "It has begun: ", h("a", { href: link(["run", started.name]) }, started.name), ", in the command line: ", h("code", {}, started.command));
        if (details.isConnected) began(started.name); // who has gone elsewhere meanwhile is not called back
      })
      .catch((error: unknown) => {
        said.className = "failure";
        said.textContent = error instanceof Error ? error.message : String(error);
      })
      .finally(() => (go.disabled = false));
  });
  const details = h("details", { class: "start" }, h("summary", {}, "start a run"), form, purpose, said);
  details.addEventListener("toggle", () => {
    if (!details.open || known.length) return;
    get<Schemas["Preset"][]>("api/presets").then(
      (found) => {
        known = found;
        preset.replaceChildren(...found.map((one) => h("option", { value: one.name, selected: one.name === "reference" }, one.name)));
        describe();
      },
      (error: Error) => (purpose.textContent = error.message),
    );
  });
  return details;
}
