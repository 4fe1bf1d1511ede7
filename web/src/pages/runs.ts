/** All runs as a list: filter, sort, group by a setting, choose two to compare. */
import { get, offline, type RunRow, type Spark } from "../api/client";
import { h, replace } from "../dom";
import { startForm } from "./control";
import { failure, waiting } from "../parts/failure";
import { words } from "../parts/words";
import { link, read, remember } from "../state";
import { runItem } from "./runItem";

type Order = "name" | "newest" | "state" | "accuracy";
const ORDERS: Order[] = ["name", "newest", "state", "accuracy"];

export async function runsPage(main: HTMLElement): Promise<void> {
  replace(main, h("h1", {}, "Runs"), waiting("looking for runs"));
  let rows: RunRow[];
  try {
    rows = await get<RunRow[]>("api/runs");
  } catch (error) {
    replace(main, h("h1", {}, "Runs"), failure(error));
    return;
  }
  const start = offline ? null : startForm((name) => (location.hash = link(["run", name])));
  if (!rows.length) {
    replace(main, h("h1", {}, "Runs"), h("p", { class: "empty" }, ...words("There is no run here yet. `conet run` makes one under runs/.")), start);
    return;
  }
  const sparks = new Map<string, Spark>();
  const chosen = new Set<string>();
  const items = new Map(rows.map((row) => [row.name, runItem(row, (is) => choose(row.name, is))]));
  const list = h("div", { class: "run-groups" });
  const compare = h("a", { class: "button", "aria-disabled": "true" }, "choose two to compare");
  const { query } = read();
  const filter = h("input", { type: "search", placeholder: "name, state or setting", value: query.get("filter") ?? "", "aria-label": "filter", oninput: show });
  const order = options("sort", ORDERS, query.get("sort") ?? "name", show);
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row.settings)))].sort();
  const group = options("group by", ["nothing", "kind", "state", ...keys], query.get("group") ?? "nothing", show);

  function choose(name: string, is: boolean): void {
    if (is) chosen.add(name);
    else chosen.delete(name);
    const two = [...chosen];
    const ready = two.length === 2;
    compare.textContent = ready ? `compare ${two.join(" with ")}` : chosen.size < 2 ? "choose two to compare" : "choose only two to compare";
    compare.setAttribute("aria-disabled", String(!ready));
    if (ready) compare.setAttribute("href", link(["compare", ...two]));
    else compare.removeAttribute("href");
  }

  function show(): void {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter((row) => wanted.every((word) => describe(row).includes(word)));
    const sorted = [...kept].sort((one, other) => compared(one, other, order.value as Order, sparks));
    const groups = new Map<string, RunRow[]>();
    for (const row of sorted) groups.set(groupOf(row, group.value), [...(groups.get(groupOf(row, group.value)) ?? []), row]);
    replace(
      list,
      ...[...groups].map(([name, members]) =>
        h("section", {}, name ? h("h2", {}, name) : null, h("ul", { class: "runs" }, ...members.map((row) => items.get(row.name)!.element))),
      ),
    );
    if (!kept.length) replace(list, h("p", { class: "empty" }, "No run fits that filter."));
    remember({ filter: filter.value, sort: order.value === "name" ? null : order.value, group: group.value === "nothing" ? null : group.value });
  }

  const bar = h("div", { class: "bar" }, filter, order.parentElement, group.parentElement, compare);
  replace(main, h("h1", {}, "Runs"), bar, start, list);
  show();
  // All curves before the first finding; that of a log is drawn from what its finding needs.
  const draw = (row: RunRow) => items.get(row.name)!.draw((spark) => sparks.set(row.name, spark));
  for (const row of rows) {
    if (!main.isConnected) return;
    if (row.kind !== "log") await draw(row);
  }
  for (const row of rows) {
    if (!main.isConnected) return;
    await draw(row);
    await items.get(row.name)!.say();
  }
  if (main.isConnected && order.value === "accuracy") show();
}

function options(name: string, values: string[], chosen: string, changed: () => void): HTMLSelectElement {
  const select = h("select", { onchange: changed }, ...values.map((value) => h("option", { value, selected: value === chosen }, value)));
  h("label", {}, `${name} `, select);
  return select;
}

function describe(row: RunRow): string {
  return [row.name, row.kind.replace("_", " "), row.state, ...Object.entries(row.settings).map(([key, value]) => `${key}=${value}`)].join(" ").toLowerCase();
}

function groupOf(row: RunRow, key: string): string {
  if (key === "nothing") return "";
  if (key === "kind" || key === "state") return row[key].replace("_", " ") || "unreadable";
  if (row.kind === "log" || row.state === "unreadable") return "settings not known";
  return `${key}=${row.settings[key] ?? "its default"}`;
}

const URGENT = ["training", "killed", "unreadable", "finished", "log"];

function compared(one: RunRow, other: RunRow, order: Order, sparks: Map<string, Spark>): number {
  const accuracy = (row: RunRow) => sparks.get(row.name)?.accuracy ?? -1;
  const by: Record<Order, number> = {
    name: 0,
    newest: other.changed - one.changed,
    state: URGENT.indexOf(one.state) - URGENT.indexOf(other.state),
    accuracy: accuracy(other) - accuracy(one),
  };
  return by[order] || one.name.localeCompare(other.name);
}
