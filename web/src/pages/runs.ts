/** All runs as a list: filter, sort, group by a setting, choose two to compare; kept up to date while it is seen. */
import { get, offline, type RunRow } from "../api/client";
import { once, pause, seen } from "../api/pace";
import { answers } from "../api/server";
import { h, replace } from "../dom";
import { startForm } from "./control";
import { failure, waiting } from "../parts/failure";
import { words } from "../parts/words";
import { link, read, remember } from "../state";
import { type RunItem, runItem } from "./runItem";

type Order = "name" | "newest" | "state" | "accuracy";
const ORDERS: Order[] = ["name", "newest", "state", "accuracy"];
const LOOK = 3000; // milliseconds at least between two looks at the list
const RESTS = 5; // times as long as an answer took, at least, until the next is asked for: the runs need the machine

export async function runsPage(main: HTMLElement, leaving: AbortSignal): Promise<void> {
  replace(main, h("h1", {}, "Runs"), waiting("looking for runs"));
  let list: RunList | null = null;
  while (!leaving.aborted) {
    const began = Date.now();
    try {
      const rows = await get<RunRow[]>("api/runs");
      if (leaving.aborted) return;
      if (!list) replace(main, ...(list = new RunList(leaving)).elements);
      list.take(rows);
      void list.fill();
    } catch (error) {
      if (leaving.aborted) return;
      if (!list) replace(main, h("h1", {}, "Runs"), failure(error));
    }
    if (offline) return;
    await pause(Math.max(LOOK, RESTS * (Date.now() - began)), leaving);
    await seen(leaving);
    if (!answers()) await once(window, "conet-back", leaving);
  }
}

class RunList {
  elements: HTMLElement[];
  private items = new Map<string, RunItem>();
  private chosen = new Set<string>();
  private groups = h("div", { class: "run-groups" });
  private compare = h("a", { class: "button", "aria-disabled": "true" }, "choose two to compare");
  private filter: HTMLInputElement;
  private order: HTMLSelectElement;
  private group: HTMLSelectElement;
  private shown = "";
  private filling = false;

  constructor(private leaving: AbortSignal) {
    const { query } = read();
    const show = () => this.show();
    this.filter = h("input", { type: "search", placeholder: "name, state or setting", value: query.get("filter") ?? "", "aria-label": "filter", oninput: show });
    this.order = options("sort", ORDERS, query.get("sort") ?? "name", show);
    this.group = options("group by", ["nothing", "kind", "state"], "nothing", show);
    const start = offline ? null : startForm((name) => (location.hash = link(["run", name])));
    const bar = h("div", { class: "bar" }, this.filter, this.order.parentElement, this.group.parentElement, this.compare);
    this.elements = [h("h1", {}, "Runs"), bar, ...(start ? [start] : []), this.groups];
  }

  /** Take up what the list is now. */
  take(rows: RunRow[]): void {
    const names = new Set(rows.map((row) => row.name));
    for (const name of this.items.keys())
      if (!names.has(name)) {
        this.items.delete(name);
        this.choose(name, false);
      }
    for (const row of rows) {
      const known = this.items.get(row.name);
      if (known?.row.identity === row.identity && readable(known.row) === readable(row)) known.update(row);
      else this.items.set(row.name, runItem(row, (is) => this.choose(row.name, is), this.chosen.has(row.name)));
    }
    this.offer([...new Set(rows.flatMap((row) => Object.keys(row.settings)))].sort());
    this.show();
  }

  /** All curves before the first finding; that of a log is drawn from what its finding needs. One after the other. */
  async fill(): Promise<void> {
    if (this.filling) return;
    this.filling = true;
    const may = () => !this.leaving.aborted && !document.hidden && answers();
    const items = [...this.items.values()];
    for (const item of items) if (may() && item.row.kind !== "log") await item.draw();
    for (const item of items) {
      if (may()) await item.draw();
      if (may()) await item.say();
    }
    this.filling = false;
    if (!this.leaving.aborted) this.show();
  }

  private offer(keys: string[]): void {
    const wanted = this.group.options.length > 3 ? this.group.value : (read().query.get("group") ?? this.group.value);
    const known = new Set([...this.group.options].map((option) => option.value));
    this.group.append(...keys.filter((key) => !known.has(key)).map((key) => h("option", { value: key }, key)));
    if ([...this.group.options].some((option) => option.value === wanted)) this.group.value = wanted;
  }

  private choose(name: string, is: boolean): void {
    if (is) this.chosen.add(name);
    else this.chosen.delete(name);
    const two = [...this.chosen];
    const ready = two.length === 2;
    this.compare.textContent = ready ? `compare ${two.join(" with ")}` : two.length < 2 ? "choose two to compare" : "choose only two to compare";
    this.compare.setAttribute("aria-disabled", String(!ready));
    if (ready) this.compare.setAttribute("href", link(["compare", ...two]));
    else this.compare.removeAttribute("href");
  }

  private show(): void {
    const [filter, order, group] = [this.filter.value, this.order.value as Order, this.group.value];
    const wanted = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = [...this.items.values()].filter(({ row }) => wanted.every((word) => describe(row).includes(word)));
    const groups = new Map<string, RunItem[]>();
    for (const item of kept.sort((one, other) => compared(one, other, order))) groups.set(groupOf(item.row, group), [...(groups.get(groupOf(item.row, group)) ?? []), item]);
    remember({ filter, sort: order === "name" ? null : order, group: group === "nothing" ? null : group });
    const empty = this.items.size ? "No run fits that filter." : "There is no run here yet. `conet run` makes one under runs/; it appears here by itself.";
    // What stands in its place already is left there: moving it would take the focus away.
    const now = JSON.stringify([empty, [...groups].map(([name, members]) => [name, members.map((item) => item.number)])]);
    if (now === this.shown) return;
    const focused = document.activeElement;
    this.shown = now;
    const elements = [...groups].map(([name, members]) => h("section", {}, name ? h("h2", {}, name) : null, h("ul", { class: "runs" }, ...members.map((item) => item.element))));
    replace(this.groups, ...(kept.length ? elements : [h("p", { class: "empty" }, ...words(empty))]));
    if (focused instanceof HTMLElement && this.groups.contains(focused)) focused.focus();
  }
}

function readable(row: RunRow): boolean {
  return row.state !== "unreadable";
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

function compared(one: RunItem, other: RunItem, order: Order): number {
  const accuracy = (item: RunItem) => item.accuracy() ?? -1;
  const by: Record<Order, number> = {
    name: 0,
    newest: other.row.changed - one.row.changed,
    state: URGENT.indexOf(one.row.state) - URGENT.indexOf(other.row.state),
    accuracy: accuracy(other) - accuracy(one),
  };
  return by[order] || one.row.name.localeCompare(other.row.name);
}
