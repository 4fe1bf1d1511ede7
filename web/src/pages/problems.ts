/** Problems by steps as a heat map: sorted, brushed, and from there to the web and to the rollouts. */
import { address, get, type Overview, type Schemas } from "../api/client";
import { paint, scaleOf } from "../charts/heatmap";
import { h, replace } from "../dom";
import { saveButtons } from "../parts/save";
import { failure, waiting } from "../parts/failure";
import { link, read, remember, type Time } from "../state";
import { counted, number } from "../text";

type Row = Schemas["ProblemRow"];
const ORDERS = ["onset", "outcome", "difficulty", "accuracy at the end", "number"] as const;
const WHY: Record<string, string> = {
  onset: "the first step at which a problem is solved in at least half of its rollouts, the earliest first",
  outcome: "what became of a problem",
  difficulty: "accuracy of its first visits, the most difficult first",
  "accuracy at the end": "accuracy of its last visits, the lowest first",
  number: "number of the problem",
};

const shown = new WeakMap<HTMLElement, ProblemPage>();

export async function problemsTab(main: HTMLElement, overview: Overview, time: Time): Promise<void> {
  const before = shown.get(main);
  if (!before) replace(main, waiting("reading the rollouts"));
  try {
    const map = await get<Schemas["ProblemMap"]>(address("runs", overview.run.name, "problems"));
    if (!main.isConnected) return;
    if (before) return before.take(map);
    const page = new ProblemPage(overview, map, time);
    shown.set(main, page);
    replace(main, page.element);
  } catch (error) {
    if (!main.isConnected) return;
    if (before) throw error; // what is shown stays
    replace(main, failure(error));
  }
}

class ProblemPage {
  element = h("section", { class: "problem-map" });
  private rows: Row[];
  private canvas: HTMLCanvasElement;
  private box = h("div", { class: "heat-brush", "aria-hidden": "true" });
  private said = h("output", { class: "where" });
  private chosen = h("div", { class: "chosen" });
  private order: HTMLSelectElement;
  private at: [number, number] = [0, 0];
  private from: [number, number] | null = null;
  private note = h("p", { class: "caption" });
  private starts = h("span", {});
  private ends = h("span", {});

  constructor(private overview: Overview, private map: Schemas["ProblemMap"], private time: Time) {
    const { query } = read();
    this.rows = map.rows;
    this.canvas = h("canvas", { class: "heat tall", tabindex: 0, role: "application" });
    this.order = h("select", { onchange: () => this.sort() }, ...ORDERS.map((one) => h("option", { value: one, selected: query.get("sort") === one }, one)));
    const axis = h("div", { class: "heat-axis" }, this.starts, h("span", { class: "hint" }, "drag to choose problems and steps; click for one cell"), this.ends);
    this.element.append(h("div", { class: "bar" }, h("label", {}, "sort by ", this.order), scaleOf("accuracy", 0, 1), saveButtons(() => `${overview.run.name}-problems`, () => this.element)), h("div", { class: "heat-box" }, this.canvas, this.box), axis, this.said, this.chosen, this.note);
    this.listen();
    this.take(map);
  }

  /** Take up what the map is now; as long as something is chosen, what it was chosen from stays. */
  take(map: Schemas["ProblemMap"]): void {
    if (this.from || this.chosen.childElementCount) return;
    this.map = map;
    const columns = map.edges.length - 1;
    Object.assign(this.canvas, { width: columns, height: map.rows.length });
    this.canvas.setAttribute("aria-label", `accuracy of ${map.rows.length} problems in ${columns} bins of steps; arrows move, Enter chooses, Escape chooses none`);
    this.starts.textContent = `step ${number(map.edges[0])}`;
    this.ends.textContent = number((map.edges.at(-1) ?? 1) - 1);
    this.note.textContent = map.left_out ? `${counted(map.left_out, "problem")} with fewer rollouts left out.` : "";
    this.sort();
  }

  private sort(): void {
    const [order, infinite] = [this.order.value, Number.MAX_VALUE];
    const key = (row: Row): [number | string, number] => {
      if (order === "outcome") return [row.outcome, row.onset ?? infinite];
      if (order === "difficulty") return [row.start ?? infinite, row.onset ?? infinite];
      if (order === "number") return [row.problem, 0];
      return order === "onset" ? [row.onset ?? infinite, row.problem] : [row.end ?? infinite, row.problem];
    };
    this.rows = [...this.map.rows].sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1];
    });
    paint(this.canvas, this.rows.map((row) => row.values), 0, 1);
    this.said.textContent = `Sorted by ${WHY[order]}.`;
    remember({ sort: order === "onset" ? null : order });
    this.select(null);
  }

  private cell(event: PointerEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    const share = (value: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(value * count)));
    return [share((event.clientX - box.left) / box.width, this.canvas.width), share((event.clientY - box.top) / box.height, this.canvas.height)];
  }

  private listen(): void {
    this.canvas.addEventListener("pointerdown", (event) => {
      this.from = this.cell(event);
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      this.say(this.cell(event));
      if (this.from) this.mark(this.from, this.cell(event));
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (this.from) this.select([this.from, this.cell(event)]);
      this.from = null;
    });
    this.canvas.addEventListener("pointercancel", () => {
      this.from = null;
      this.select(null);
    });
    this.canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return; // those are the browser's
      const moves: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      const move = moves[event.key];
      if (move) {
        this.at = [Math.min(this.canvas.width - 1, Math.max(0, this.at[0] + move[0])), Math.min(this.rows.length - 1, Math.max(0, this.at[1] + move[1]))];
        this.say(this.at);
        this.mark(this.at, this.at);
      } else if (event.key === "Enter") this.select([this.at, this.at]);
      else if (event.key === "Escape") this.select(null);
      else return;
      event.preventDefault();
    });
  }

  private say([column, line]: [number, number]): void {
    const row = this.rows[line];
    if (!row) return;
    this.said.textContent = `Problem ${row.problem}${row.name === String(row.problem) ? "" : ` (${row.name})`}, from step ${number(this.map.edges[column])}: accuracy ${number(row.values[column])}; ${row.outcome}${row.onset === null ? "" : `, onset ${number(row.onset)}`}.`;
  }

  private mark(one: [number, number], other: [number, number]): void {
    const [x, y] = [Math.min(one[0], other[0]), Math.min(one[1], other[1])];
    const [wide, tall] = [Math.abs(one[0] - other[0]) + 1, Math.abs(one[1] - other[1]) + 1];
    const part = (cells: number, all: number) => `${(100 * cells) / Math.max(1, all)}%`;
    Object.assign(this.box.style, { left: part(x, this.canvas.width), width: part(wide, this.canvas.width), top: part(y, this.rows.length), height: part(tall, this.rows.length), display: "" });
  }

  private select(area: [[number, number], [number, number]] | null): void {
    if (!area) {
      this.box.style.display = "none";
      replace(this.chosen);
      return;
    }
    this.mark(area[0], area[1]);
    const [left, right] = [area[0][0], area[1][0]].sort((a, b) => a - b) as [number, number];
    const [top, bottom] = [area[0][1], area[1][1]].sort((a, b) => a - b) as [number, number];
    const rows = this.rows.slice(top, bottom + 1);
    const [first, last] = [this.map.edges[left]!, this.map.edges[right + 1]! - 1];
    this.time.to(first);
    const name = this.overview.run.name;
    const range: [string, string][] = [["first", String(first)], ["last", String(last)]];
    const ways = [
      this.overview.web ? h("a", { class: "button", href: link(["run", name, "web"], [["step", String(last)], ["problems", rows.map((row) => row.problem).join(",")]]) }, "in the web") : null,
      this.overview.texts && h("a", { class: "button", href: link(["run", name, "rollouts"], [["problem", rows.map((row) => row.problem).join(",")], ...range]) }, "their rollouts"),
      h("button", { type: "button", onclick: () => (this.select(null), this.canvas.focus()) }, "choose none"),
    ];
    const list = rows.slice(0, 100).map((row) => h("tr", {}, h("th", { scope: "row" }, this.toRollouts(row, range)), h("td", {}, row.outcome), h("td", {}, number(row.onset)), h("td", {}, number(row.start)), h("td", {}, number(row.end))));
    const head = h("tr", {}, ...["problem", "outcome", "onset", "accuracy at the start", "at the end"].map((word) => h("th", { scope: "col" }, word)));
    replace(this.chosen, h("h2", {}, `${counted(rows.length, "problem")}, steps ${number(first)} to ${number(last)}`), h("p", { class: "ways" }, ...ways), h("div", { class: "scroll", tabindex: 0 }, h("table", { class: "plain" }, h("thead", {}, head), h("tbody", {}, ...list))), rows.length > 100 ? h("p", {}, `and ${rows.length - 100} more`) : null);
  }

  private toRollouts(row: Row, range: [string, string][]): HTMLElement {
    if (!this.overview.texts) return h("span", {}, `${row.problem}`);
    return h("a", { href: link(["run", this.overview.run.name, "rollouts"], [["problem", String(row.problem)], ...range]) }, `${row.problem}: ${row.name}`);
  }
}
