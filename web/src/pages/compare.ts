/** Two runs under one cursor: views of the same name, drawn into one. */
import { address, get, type Lines, type Overview, type Panel, type View } from "../api/client";
import { h, replace } from "../dom";
import type { Curve } from "../charts/lines";
import { failure, waiting } from "../parts/failure";
import { saveButtons } from "../parts/save";
import { viewCard } from "../parts/view";
import { link, read, Time } from "../state";
import { controls } from "./overview";

export async function comparePage(main: HTMLElement, names: [string, string], leaving: AbortSignal): Promise<void> {
  const time = new Time(read().query, leaving);
  const title = h("h1", {}, `${names[0]} and ${names[1]}`);
  replace(main, title, waiting("opening both runs"));
  try {
    const found = await Promise.all(names.map((name) => get<Overview>(address("runs", name))));
    const common = found[0]!.views.filter((view) => found[1]!.views.includes(view));
    const charts = h("div", { class: "views" });
    const ways = names.map((name, place) => h("a", { href: link(["run", name]) }, `${"AB"[place]}: ${name}`));
    replace(main, title, h("p", { class: "ways" }, ...ways), settings(found), controls(time), charts);
    const rest = waiting("drawing the views that both have");
    main.append(rest);
    for (const view of common) {
      if (leaving.aborted) return;
      const [one, other] = await Promise.all(names.map((name) => get<View>(address("runs", name, "views", view)).catch(() => null)));
      if (!one || !other) continue; // of one of them it cannot be read: its own page says why
      const card = both(one, other);
      if (!card) continue;
      const element = viewCard(names[0], card, time);
      const save = saveButtons(() => `${names.join("-and-")}-${view}`, () => element);
      element.querySelector(".save")?.replaceWith(save); // the reports have no drawing of both
      charts.append(element);
    }
    rest.remove();
    if (!charts.childElementCount) charts.append(h("p", { class: "empty" }, "They have no chart in common."));
  } catch (error) {
    replace(main, title, failure(error));
  }
}

/** Draw the curves of the second run into the panels of the first; views without curves are left out. */
function both(one: View, other: View): View | null {
  const panels: Panel[] = [];
  for (const panel of one.panels ?? []) {
    // By what they show, not by their place: a panel each of what was logged, and others were logged there.
    const partner = other.panels?.find((found) => found.kind === "lines" && panel.kind === "lines" && sort(found) === sort(panel));
    if (panel.kind !== "lines" || partner?.kind !== "lines") continue;
    const series = [...named(panel, "A"), ...likened(panel.series, partner.series, named(partner, "B"))];
    panels.push({ ...panel, series, marks: [...marked(panel, "A"), ...marked(partner, "B")], x: wider(panel, partner), bands: [] });
  }
  return panels.length ? { ...one, panels, caption: "" } : null;
}

function sort(panel: Lines): string {
  return JSON.stringify([panel.title, panel.x.name, panel.y.name, panel.y.unit]);
}

/** The same thing of both runs has one colour, and of the second broken lines: by name, else by place. */
function likened(first: Lines["series"], second: Lines["series"], shown: Lines["series"]): Curve[] {
  const twin = (place: number) => {
    const same = first.findIndex((one) => one.name === second[place]!.name && one.role === second[place]!.role);
    const named = second.some((one) => one.name === first[place]?.name); // then it is that one's
    if (same >= 0 || named || first.length !== second.length) return same;
    return first[place]!.role === second[place]!.role ? place : -1;
  };
  return shown.map((one, place) => ({ ...one, like: twin(place) }));
}

function named(panel: Lines, which: string): Lines["series"] {
  return panel.series.map((series) => ({ ...series, name: `${which}: ${series.name || "value"}` }));
}

function marked(panel: Lines, which: string): Lines["marks"] {
  return panel.marks.map((mark) => ({ ...mark, label: `${which}: ${mark.label}` }));
}

function wider(one: Lines, other: Lines): Lines["x"] {
  const high = [one.x.high, other.x.high].filter((value): value is number => value != null);
  return { ...one.x, high: high.length ? Math.max(...high) : null };
}

/** The settings in which they differ. */
function settings(found: Overview[]): HTMLElement {
  const [one, other] = found.map((overview) => overview.run.settings) as [Record<string, string>, Record<string, string>];
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((key) => one[key] !== other[key]).sort();
  if (found.some(({ run }) => run.kind === "log")) return h("p", {}, "A log does not say its settings, so they are not compared.");
  if (!keys.length) return h("p", {}, "Both have the same settings.");
  const rows = keys.map((key) => h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, one[key] ?? "default"), h("td", {}, other[key] ?? "default")));
  const table = h("table", { class: "plain" }, h("caption", {}, "Settings that differ"), h("thead", {}, h("tr", {}, h("th", {}, "setting"), h("th", {}, "A"), h("th", {}, "B"))), h("tbody", {}, ...rows));
  return h("div", { class: "scroll", tabindex: 0 }, table);
}
