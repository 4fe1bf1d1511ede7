/** What is known of the node or the problem that is chosen. */
import { address, get, offline, type Schemas } from "../api/client";
import { h, replace } from "../dom";
import { counted, number } from "../text";
import type { History, Moments } from "./moments";

const REST = 200; // milliseconds until a node is asked for: not at every step of the slider

interface Choices {
  node(id: number | null): void;
  problem(index: number | null): void;
  all(): void;
}

export function aside(run: string, history: History, state: Moments, choose: Choices) {
  const hovered = h("p", { class: "hovered" });
  const body = h("div", {});
  const pick = h("input", { type: "number", min: 0, placeholder: "number", "aria-label": "node", onchange: () => choose.node(pick.value === "" ? null : Number(pick.value)) });
  const element = h("aside", { class: "web-right", "aria-label": "what is chosen" }, h("label", {}, "node ", pick), hovered, body);
  let [asked, resting] = ["", 0];

  function show(): void {
    const moment = history.moments[state.index]!;
    if (document.activeElement !== pick) pick.value = state.node === null ? "" : String(state.node);
    const parts: (Node | null)[] = [];
    if (state.chosen.length) parts.push(h("section", {}, h("h2", {}, "Brushed"), h("p", {}, `Lit up: the best paths of ${counted(state.chosen.length, "problem")}: `, ...state.chosen.slice(0, 60).map((index) => problemButton(index, choose))), h("button", { type: "button", onclick: () => choose.all() }, "show all")));
    if (state.problem !== null) parts.push(problemPart(history, state, choose));
    if (state.since !== null) parts.push(lostPart(state, choose));
    const key = `${state.node} ${moment.step}`;
    if (state.node !== null) {
      const detail = h("div", { class: "node-detail" });
      parts.push(h("h2", {}, `Node ${state.node}`), h("p", {}, roleOf(history, state.node)), detail, passing(history, state, choose));
      asked = key;
      window.clearTimeout(resting);
      resting = window.setTimeout(() => void fill(detail, key), REST);
    }
    if (!parts.length) parts.push(h("p", { class: "empty" }, "Click a node, or give the number of a problem, to see where it stands."));
    replace(body, ...parts);
  }

  async function fill(detail: HTMLElement, key: string): Promise<void> {
    if (asked !== key || !detail.isConnected) return;
    const [node, step] = [state.node!, history.moments[state.index]!.step];
    if (offline) {
      replace(detail, drawnEdges(history, state, node, choose));
      return;
    }
    try {
      const place = address("runs", run, "nodes", String(node));
      const found = await get<Schemas["NodeDetail"]>(`${place}?step=${step}`);
      if (asked !== key) return;
      const fights = h("div", {});
      replace(detail, edgeTable(found, choose), fights);
      const pairs = await get<Schemas["Fight"][]>(`${place}/fights?step=${step}`);
      if (asked === key) replace(fights, fightPart(pairs, choose));
    } catch (error) {
      if (asked === key) replace(detail, h("p", { class: "empty" }, error instanceof Error ? error.message : ""));
    }
  }

  return {
    element,
    show,
    hover(id: number | null): void {
      const at = id === null ? -1 : history.nodes.id.indexOf(id);
      const moment = history.moments[state.index]!;
      hovered.textContent = at < 0 ? "" : `Node ${id}: ${roleOf(history, id!)}; ${number(moment.size[at])} successful walks of one rollout a problem.`;
    },
  };
}

function roleOf(history: History, id: number): string {
  const at = history.nodes.id.indexOf(id);
  const asks = history.nodes.questions.flatMap((node, problem) => (node === id ? [problem] : []));
  const answers = history.nodes.answers.flatMap((node, problem) => (node === id ? [problem] : []));
  if (asks.length) return `question of problem ${asks.join(", ")}`;
  if (answers.length) return `answer of ${answers.length === 1 ? "problem" : "problems"} ${answers.slice(0, 12).join(", ")}${answers.length > 12 ? ", …" : ""}`;
  return at < 0 ? "in no web that is shown" : "concept";
}

function edgeTable(found: Schemas["NodeDetail"], choose: Choices): HTMLElement {
  const rows = found.edges.map((edge) => h("tr", {}, h("td", {}, go(edge.target, choose)), h("td", {}, number(edge.probability)), h("td", { class: "drawn" }, meter(edge.probability))));
  const rest = found.others ? h("tr", {}, h("td", {}, counted(found.others, "other")), h("td", {}, number(found.rest)), h("td", {})) : null;
  return h("table", { class: "plain" }, h("caption", {}, `Where walks go from here; edges in effect (exp of the entropy): ${number(found.effective)}`), h("thead", {}, h("tr", {}, h("th", {}, "to"), h("th", {}, "π"), h("th", {}, "as a bar"))), h("tbody", {}, ...rows, rest));
}

function drawnEdges(history: History, state: Moments, node: number, choose: Choices): HTMLElement {
  const at = history.nodes.id.indexOf(node);
  const out = history.edges.source.flatMap((source, edge) => (source === at && state.weight[edge]! > 0 ? [edge] : []));
  const rows = out.map((edge) => h("tr", {}, h("td", {}, go(history.nodes.id[history.edges.target[edge]!]!, choose)), h("td", {}, number(state.weight[edge]))));
  return h("table", { class: "plain" }, h("caption", {}, "Drawn edges that leave it"), h("tbody", {}, ...rows));
}

function meter(share: number): HTMLElement {
  const inner = h("span", { class: "meter-inner" });
  inner.style.width = `${Math.round(100 * share)}%`;
  return h("span", { class: "meter" }, inner);
}

function go(id: number, choose: Choices): HTMLElement {
  return h("button", { type: "button", class: "link", onclick: () => choose.node(id) }, String(id));
}

function problemButton(index: number, choose: Choices): HTMLElement {
  return h("button", { type: "button", class: "link", onclick: () => choose.problem(index), "aria-label": `path of problem ${index}` }, String(index));
}

function fightPart(pairs: Schemas["Fight"][], choose: Choices): HTMLElement {
  if (!pairs.length) return h("p", { class: "empty" }, "No two problems fight here: no gradients oppose each other.");
  const most = pairs[0]!.interference;
  const rows = pairs.map((pair) => h("tr", {}, h("td", {}, problemButton(pair.problem, choose), " against ", problemButton(pair.other, choose)), h("td", { class: "drawn" }, meter(pair.interference / most))));
  return h("table", { class: "plain" }, h("caption", {}, `Problems that fight here: their exact gradients oppose each other, at most by ${most.toExponential(1)}`), h("tbody", {}, ...rows));
}

function passing(history: History, state: Moments, choose: Choices): HTMLElement {
  const through = history.moments[state.index]!.paths.flatMap((path, index) => (path.includes(state.node!) ? [index] : []));
  if (!through.length) return h("p", {}, "The best path of no problem passes here.");
  return h("p", {}, `Best paths through here, of ${counted(through.length, "problem")}: `, ...through.slice(0, 40).map((index) => problemButton(index, choose)), through.length > 40 ? "…" : null);
}

function problemPart(history: History, state: Moments, choose: Choices): HTMLElement {
  const path = history.moments[state.index]!.paths[state.problem!] ?? [];
  const found = path.length ? h("p", {}, `Solved by the best edges, in ${path.length - 1} hops: `, ...path.map((id) => go(id, choose))) : h("p", {}, "The best edges do not lead to its answer at this snapshot.");
  const since = history.moments.find((moment) => moment.paths[state.problem!]?.length);
  return h("section", {}, h("h2", {}, `Problem ${state.problem}`), found, since ? h("p", {}, `First so at update ${number(since.step)}.`) : null, h("button", { type: "button", onclick: () => choose.problem(null) }, "show all"));
}

function lostPart(state: Moments, choose: Choices): HTMLElement {
  const lost = state.cutOff();
  return h("section", {}, h("h2", {}, "Since then"), h("p", {}, `${counted(state.flipped.size, "committed node")} with another best edge, or no longer committed.`), lost.length ? h("p", {}, `Cut off from the answer: ${counted(lost.length, "problem")}: `, ...lost.slice(0, 60).map((index) => problemButton(index, choose)), lost.length > 60 ? "…" : null) : h("p", {}, "No problem was cut off from its answer."));
}
