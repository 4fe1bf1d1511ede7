/** Reading rollouts: those of a problem at some steps, right against wrong, the difference of two, a search. */
import { address, get, type Overview, type Schemas } from "../api/client";
import { h, replace } from "../dom";
import { failure, waiting } from "../parts/failure";
import { card, compared, facts, type Row, speeches, type Text, verdict } from "../reading/rollout";
import { read, remember, type Time } from "../state";
import { counted, number } from "../text";

export async function rolloutsTab(main: HTMLElement, overview: Overview, time: Time): Promise<void> {
  if (main.querySelector(".reader")) return; // a run that trains is read on when asked
  const { query } = read();
  replace(main, waiting("reading the rollouts"));
  try {
    const map = await get<Schemas["ProblemMap"]>(address("runs", overview.run.name, "problems"));
    if (!main.isConnected) return;
    const reader = new Reader(overview.run.name, map, query, time);
    replace(main, reader.element);
    await reader.load();
  } catch (error) {
    replace(main, failure(error));
  }
}

class Reader {
  element = h("section", { class: "reader" });
  private list = h("div", { class: "rollout-list" });
  private texts = h("div", { class: "rollout-texts" });
  private problem: HTMLSelectElement;
  private first: HTMLInputElement;
  private last: HTMLInputElement;
  private words: HTMLInputElement;
  private difference = h("input", { type: "checkbox", onchange: () => this.showTexts() });
  private rows: Row[] = [];
  private chosen: number[] = [];
  private known = new Map<number, Text>();
  private loads = 0;
  private shows = 0;
  private note = "";

  constructor(private run: string, map: Schemas["ProblemMap"], query: Map<string, string>, time: Time) {
    const edges = map.edges;
    const [low, high] = [edges[0] ?? 0, (edges.at(-1) ?? 1) - 1];
    const reload = () => void this.load();
    const names = map.rows.map((row) => h("option", { value: row.problem, selected: query.get("problem") === String(row.problem) }, `${row.problem}: ${row.name}`));
    const several = (query.get("problem") ?? "").split(",").filter((one) => /^\d+$/.test(one));
    const region = several.length > 1 ? h("option", { value: several.join(","), selected: true }, `${number(several.length)} problems that were chosen`) : null;
    this.problem = h("select", { onchange: reload }, h("option", { value: "" }, "all problems"), region, ...names);
    this.first = h("input", { type: "number", value: query.get("first") ?? time.step ?? low, min: low, max: high, onchange: reload });
    this.last = h("input", { type: "number", value: query.get("last") ?? high, min: low, max: high, onchange: reload });
    this.words = h("input", { type: "search", placeholder: "search in completions", value: query.get("words") ?? "", "aria-label": "search in completions", onchange: reload });
    const opposed = h("button", { type: "button", onclick: () => this.oppose() }, "right against wrong");
    const bar = h("div", { class: "bar" }, h("label", { class: "wide" }, "problem ", this.problem), h("label", {}, "steps ", this.first), h("label", {}, "to ", this.last), this.words, opposed, h("label", {}, this.difference, " difference of two"));
    this.element.append(bar, h("div", { class: "reader-body" }, this.list, this.texts));
  }

  /** Read the list; with `more`, those that follow on the ones that are shown. */
  async load(more = false): Promise<void> {
    const turn = ++this.loads;
    const before = more ? this.rows : [];
    const [problem, words] = [this.problem.value, this.words.value.trim()];
    remember({ problem, first: this.first.value, last: this.last.value, words });
    const query = new URLSearchParams({ first: this.first.value || "0", last: String(Number(this.last.value || 0) + 1) });
    for (const one of problem.split(",").filter(Boolean)) query.append("problem", one);
    if (words) query.set("words", words);
    else query.set("offset", String(before.length));
    if (!more) replace(this.list, waiting(words ? "searching" : "reading"));
    try {
      let [rows, said, rest]: [Row[], string, number] = [[], "", 0];
      if (words) {
        const found = await get<Schemas["Found"]>(`${address("runs", this.run, "search")}?${query}`);
        const first = found.rows.length < found.found ? `, the first ${number(found.rows.length)} shown` : "";
        [rows, said] = [found.rows, `${counted(found.found, "rollout")} with these words, of ${number(found.searched)} searched${found.searched < found.total ? ` (the first of ${number(found.total)})` : ""}${first}`];
      } else {
        const cell = await get<Schemas["Cell"]>(`${address("runs", this.run, "rollouts")}?${query}`);
        rows = [...before, ...cell.rows];
        rest = cell.rows.length ? cell.total - rows.length : 0;
        said = `${counted(cell.total, "rollout")}${rest ? `, the first ${number(rows.length)} shown` : ""}`;
      }
      if (turn !== this.loads) return; // something else was asked for meanwhile
      this.rows = rows;
      if (!more) this.chosen = this.rows.length ? [0] : [];
      this.showList(said, rest);
      if (more) this.list.querySelectorAll<HTMLInputElement>("input")[before.length]?.focus();
      else await this.showTexts();
    } catch (error) {
      if (turn === this.loads) replace(this.list, failure(error));
    }
  }

  private showList(said: string, rest: number): void {
    const items = this.rows.map((row, place) => {
      const box = h("input", { type: "checkbox", checked: this.chosen.includes(place), "aria-label": `show rollout ${place + 1}, ${row.correct === null ? "unknown" : row.correct ? "right" : "wrong"}` });
      box.addEventListener("change", () => this.choose(place, box.checked));
      return h("li", {}, h("label", {}, box, verdict(row), h("span", { class: "facts" }, facts(row))));
    });
    const more = rest > 0 ? h("button", { type: "button", onclick: () => void this.load(true) }, `show ${number(Math.min(64, rest))} more`) : null;
    replace(this.list, h("p", { role: "status" }, said), h("ul", {}, ...items), more);
  }

  private choose(place: number, is: boolean): void {
    this.chosen = is ? [...this.chosen.filter((one) => one !== place), place].slice(-2) : this.chosen.filter((one) => one !== place);
    this.list.querySelectorAll<HTMLInputElement>("input").forEach((box, index) => (box.checked = this.chosen.includes(index)));
    void this.showTexts();
  }

  private oppose(): void {
    const [right, wrong] = [this.rows.findIndex((row) => row.correct === true), this.rows.findIndex((row) => row.correct === false)];
    this.chosen = [right, wrong].filter((place) => place >= 0);
    const lacks = [right < 0 ? "right" : "", wrong < 0 ? "wrong" : ""].filter(Boolean).join(" or ");
    this.note = lacks ? `None of the rollouts in the list is ${lacks}.` : "";
    this.list.querySelectorAll<HTMLInputElement>("input").forEach((box, index) => (box.checked = this.chosen.includes(index)));
    void this.showTexts();
  }

  private async showTexts(): Promise<void> {
    const turn = ++this.shows;
    const rows = this.chosen.map((place) => this.rows[place]!);
    const missing = rows.filter((row) => !this.known.has(row.index));
    if (!rows.length) {
      replace(this.texts, h("p", { class: "empty" }, this.rows.length ? "Choose one or two rollouts." : "No rollout fits: choose other problems, steps or words."));
      return;
    }
    try {
      if (missing.length) {
        const query = missing.map((row) => `index=${row.index}`).join("&");
        for (const text of await get<Text[]>(`${address("runs", this.run, "texts")}?${query}`)) this.known.set(text.index, text);
      }
    } catch (error) {
      if (turn !== this.shows) return;
      replace(this.texts, ...rows.map((row) => h("article", { class: "rollout" }, h("header", {}, verdict(row), facts(row)))), failure(error));
      return;
    }
    if (turn !== this.shows) return; // others were chosen meanwhile
    const texts = rows.map((row) => this.known.get(row.index)!);
    const mark = this.words.value.trim();
    const prompts = texts.filter((text, place) => place === 0 || JSON.stringify(text.prompt) !== JSON.stringify(texts[0]!.prompt));
    const asked = h("details", { open: true }, h("summary", {}, prompts.length > 1 ? "Prompts" : "Prompt"), ...prompts.map((text) => speeches(text.prompt, mark)));
    const body =
      this.difference.checked && rows.length === 2
        ? compared([rows[0]!, rows[1]!], [texts[0]!, texts[1]!])
        : h("div", { class: "side-by-side" }, ...rows.map((row, place) => card(row, texts[place], mark)));
    replace(this.texts, this.note ? h("p", { class: "empty", role: "status" }, this.note) : null, asked, body);
    this.note = "";
  }
}
