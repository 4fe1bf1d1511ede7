/** One run of the list: state, sparkline, accuracy, headline. Curve and headline come when they are there. */
import { address, get, type Headlines, Refused, type RunRow, type Spark } from "../api/client";
import { h, replace } from "../dom";
import { spark } from "../parts/spark";
import { words } from "../parts/words";
import { link } from "../state";
import { ago, number } from "../text";

const APART = ["preset", "name", "purpose", "seed"]; // settings that are said elsewhere, or only on the page of the run

const AGAIN = { draw: 5_000, say: 30_000 }; // milliseconds at least until the same is asked for again
const RESTS = 20; // times as long as the answer took, at least

export interface RunItem {
  /** Of its own, also where another run has its name later. */
  number: number;
  element: HTMLElement;
  row: RunRow;
  /** Take up what its row says now. */
  update(row: RunRow): void;
  /** Ask for the curve, once and again when the run has changed. */
  draw(): Promise<void>;
  /** Ask for the headline finding, which takes longer: the rollouts are read. */
  say(): Promise<void>;
  accuracy(): number | null;
}

let made = 0;

export function runItem(first: RunRow, chosen: (is: boolean) => void, checked = false): RunItem {
  const curve = h("div", { class: "run-curve" });
  const said = h("p", { class: first.why ? "run-said" : "run-said waiting" }, first.why || "reading the rollouts");
  const readable = first.state !== "unreadable";
  const box = h("input", { type: "checkbox", disabled: !readable, checked, "aria-label": `choose ${first.name} to compare` });
  box.addEventListener("change", () => chosen(box.checked));
  const settings = Object.entries(first.settings).filter(([key]) => !APART.includes(key));
  const state = h("span", {});
  const small = h("small", {});
  const element = h(
    "li",
    { class: "run" },
    box,
    h("div", { class: "run-name" }, readable ? h("a", { href: link(["run", first.name]) }, first.name) : h("strong", {}, first.name), small),
    state,
    curve,
    said,
    settings.length ? h("p", { class: "run-settings" }, settings.map(([key, value]) => `${key}=${value}`).join("  ")) : null,
  );
  let accuracy: number | null = null;
  const item: RunItem = {
    number: ++made,
    element,
    row: first,
    update(row) {
      item.row = row;
      state.className = `state ${row.state}`;
      state.textContent = row.state;
      const name = [row.settings["preset"] ?? row.settings["name"], row.settings["seed"] && `seed ${row.settings["seed"]}`].filter(Boolean).join(", ");
      small.textContent = [name, ago(row.changed)].filter(Boolean).join(" · ");
    },
    draw: asked("draw", async () => {
      const { row } = item;
      const found = await get<Spark>(address("runs", row.name, "spark"));
      accuracy = found.accuracy;
      const reached = found.step === null ? "" : row.steps ? `${number(found.step)} of ${number(row.steps)}` : `step ${number(found.step)}`;
      replace(curve, spark(found.values, `accuracy of ${row.name}`), h("span", {}, h("b", {}, number(found.accuracy, 2)), " ", h("small", {}, "accuracy"), h("small", {}, reached)));
    }),
    say: asked("say", async () => {
      const { headlines, why } = await get<Headlines>(address("runs", item.row.name, "headlines"));
      said.classList.remove("waiting");
      replace(said, ...(headlines[0] ? words(headlines[0].text) : [why]));
    }),
    accuracy: () => accuracy,
  };
  item.update(first);
  return item;

  /** Ask for something where the run has changed since, not too often, and at once when it has ended. */
  function asked(what: keyof typeof AGAIN, ask: () => Promise<void>): () => Promise<void> {
    let [changed, before, next] = [-1, "", 0];
    return async () => {
      const { row } = item;
      const began = Date.now();
      if (!readable || (row.changed === changed && row.state === before) || (row.state === before && began < next)) return;
      [changed, before] = [row.changed, row.state];
      try {
        await ask();
      } catch (error) {
        if (error instanceof Refused && !error.status) {
          [changed, before] = [-1, ""]; // what is shown stays until the server is back
          return;
        }
        said.classList.remove("waiting");
        replace(said, error instanceof Error ? error.message : "");
      }
      next = Date.now() + Math.max(AGAIN[what], RESTS * (Date.now() - began));
    };
  }
}
