/** One run of the list: state, sparkline, accuracy, headline. Curve and headline come when they are there. */
import { address, get, type Headlines, type RunRow, type Spark } from "../api/client";
import { h, replace } from "../dom";
import { spark } from "../parts/spark";
import { words } from "../parts/words";
import { link } from "../state";
import { ago, number } from "../text";

const APART = ["preset", "name", "purpose", "seed"]; // settings that are said elsewhere, or only on the page of the run

export interface RunItem {
  element: HTMLElement;
  /** Ask for the curve, once. */
  draw(known: (spark: Spark) => void): Promise<void>;
  /** Ask for the headline finding, which takes longer: the rollouts are read. */
  say(): Promise<void>;
}

export function runItem(row: RunRow, chosen: (is: boolean) => void): RunItem {
  const curve = h("div", { class: "run-curve" });
  const said = h("p", { class: row.why ? "run-said" : "run-said waiting" }, row.why || "reading the rollouts");
  const readable = row.state !== "unreadable";
  const box = h("input", { type: "checkbox", disabled: !readable, "aria-label": `choose ${row.name} to compare` });
  box.addEventListener("change", () => chosen(box.checked));
  const settings = Object.entries(row.settings).filter(([key]) => !APART.includes(key));
  const name = [row.settings["preset"] ?? row.settings["name"], row.settings["seed"] && `seed ${row.settings["seed"]}`].filter(Boolean).join(", ");
  const element = h(
    "li",
    { class: "run" },
    box,
    h("div", { class: "run-name" }, readable ? h("a", { href: link(["run", row.name]) }, row.name) : h("strong", {}, row.name), h("small", {}, [name, ago(row.changed)].filter(Boolean).join(" · "))),
    h("span", { class: `state ${row.state}` }, row.state),
    curve,
    said,
    settings.length ? h("p", { class: "run-settings" }, settings.map(([key, value]) => `${key}=${value}`).join("  ")) : null,
  );
  const tried = async (ask: () => Promise<void>) => {
    try {
      if (readable) await ask();
    } catch (error) {
      said.classList.remove("waiting");
      replace(said, error instanceof Error ? error.message : "");
    }
  };
  let drawn = false;
  return {
    element,
    draw: (known) =>
      tried(async () => {
        if (drawn) return;
        drawn = true;
        const found = await get<Spark>(address("runs", row.name, "spark"));
        known(found);
        const reached = found.step === null ? "" : row.steps ? `${number(found.step)} of ${number(row.steps)}` : `step ${number(found.step)}`;
        replace(curve, spark(found.values, `accuracy of ${row.name}`), h("span", {}, h("b", {}, number(found.accuracy, 2)), h("small", {}, reached)));
      }),
    say: () =>
      tried(async () => {
        const { headlines, why } = await get<Headlines>(address("runs", row.name, "headlines"));
        said.classList.remove("waiting");
        replace(said, ...(headlines[0] ? words(headlines[0].text) : [why]));
      }),
  };
}
