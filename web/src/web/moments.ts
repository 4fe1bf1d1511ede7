/** What the web is at the moment that is shown, as arrays that drawing reads. */
import type { Schemas } from "../api/client";
import { island } from "../charts/colours";

export type History = Schemas["WebHistory"];
const COLOURED = 10; // islands with a colour of their own: as many as are told apart

export interface Moments {
  index: number;
  since: number | null;
  problem: number | null;
  node: number | null;
  /** Problems that were brushed, and the nodes of their paths. */
  chosen: number[];
  highlighted: Set<number> | null;
  /** Edge by edge: 0 where it is not there, else its probability. */
  weight: Float32Array;
  traffic: Float32Array;
  /** Nodes (places) whose best edge is another than at the step compared with. */
  flipped: Set<number>;
  /** Edges (places) on the path of the problem, and its nodes. */
  path: Set<number>;
  pathNodes: Set<number>;
  colour(place: number): string;
  cutOff(): number[];
  /** Take up the moment of `index`, and say what looks different since the last time. */
  update(): Touched;
}

/** Places of nodes and edges. */
export interface Touched {
  nodes: number[];
  edges: number[];
}

export function place(history: History, step: number): number {
  let found = 0;
  history.moments.forEach((moment, index) => {
    if (moment.step <= step) found = index;
  });
  return found;
}

export function moments(history: History): Moments {
  const edges = history.edges.source.length;
  const rank = ranks(history);
  const places = new Map(history.nodes.id.map((id, at) => [id, at]));
  const edgeAt = new Map(history.edges.source.map((source, at) => [`${source} ${history.edges.target[at]}`, at]));
  let taken = history.moments.length - 1;
  const state: Moments = {
    index: history.moments.length - 1,
    since: null,
    problem: null,
    node: null,
    chosen: [],
    highlighted: null,
    weight: new Float32Array(edges),
    traffic: new Float32Array(edges),
    flipped: new Set(),
    path: new Set(),
    pathNodes: new Set(),
    colour(at) {
      const number = history.moments[state.index]!.island[at] ?? -1;
      return island(number < 0 ? -1 : (rank.get(number) ?? -1));
    },
    cutOff() {
      if (state.since === null) return [];
      const [before, now] = [history.moments[state.since]!.paths, history.moments[state.index]!.paths];
      return before.map((_, index) => index).filter((index) => before[index]!.length && !now[index]!.length);
    },
    update() {
      const moment = history.moments[state.index]!;
      const before = { ...state, moment: history.moments[taken]! };
      taken = state.index;
      [state.weight, state.traffic] = [new Float32Array(edges), new Float32Array(edges)];
      moment.edges.forEach((edge, at) => {
        state.weight[edge] = moment.weight[at] ?? 0;
        state.traffic[edge] = moment.traffic[at] ?? 0;
      });
      state.flipped = state.since === null ? new Set() : flipped(history, state.since, state.index);
      state.highlighted = state.chosen.length ? new Set(state.chosen.flatMap((problem) => nodesOf(moment, problem))) : null;
      state.path = new Set();
      const path = state.problem === null ? [] : moment.paths[state.problem]!;
      const ends = state.problem === null ? [] : [history.nodes.questions[state.problem]!, history.nodes.answers[state.problem]!];
      state.pathNodes = new Set([...path, ...ends].map((id) => places.get(id) ?? -1));
      for (let hop = 0; hop + 1 < path.length; hop++) {
        const edge = edgeAt.get(`${places.get(path[hop]!)} ${places.get(path[hop + 1]!)}`);
        if (edge !== undefined) state.path.add(edge);
      }
      return touched(history, before, { ...state, moment });
    },
  };
  function nodesOf(moment: History["moments"][number], problem: number): number[] {
    const ends = [history.nodes.questions[problem], history.nodes.answers[problem]];
    return [...(moment.paths[problem] ?? []), ...ends].map((id) => (id === undefined ? -1 : (places.get(id) ?? -1)));
  }
  return state;
}

type Taken = Moments & { moment: History["moments"][number] };

/** What is drawn otherwise than before: where a problem or a change is marked, all that was or is there. */
function touched(history: History, before: Taken, now: Taken): Touched {
  const marked = now.problem !== null || now.since !== null || now.highlighted !== null;
  const recoloured = (at: number) => before.moment.island[at] !== now.moment.island[at];
  const nodes = history.nodes.id.flatMap((_, at) => (marked || recoloured(at) || before.moment.size[at] !== now.moment.size[at] ? [at] : []));
  const edges = new Set([...before.path, ...now.path]);
  for (const edge of [...before.moment.edges, ...now.moment.edges]) {
    const same = before.weight[edge] === now.weight[edge] && before.traffic[edge] === now.traffic[edge];
    if (marked || !same || recoloured(history.edges.source[edge]!)) edges.add(edge);
  }
  return { nodes, edges: [...edges] };
}

/** The islands that ever grow largest, by their number: 0 for the largest. */
function ranks(history: History): Map<number, number> {
  const largest = new Map<number, number>();
  for (const moment of history.moments) {
    const sizes = new Map<number, number>();
    for (const number of moment.island) if (number >= 0) sizes.set(number, (sizes.get(number) ?? 0) + 1);
    for (const [number, size] of sizes) largest.set(number, Math.max(size, largest.get(number) ?? 0));
  }
  const order = [...largest].sort((one, other) => other[1] - one[1]).slice(0, COLOURED);
  return new Map(order.map(([number], at) => [number, at]));
}

/** The best edge of each node that has one, at a moment. */
function best(history: History, index: number): Map<number, number> {
  const moment = history.moments[index]!;
  const found = new Map<number, [number, number]>();
  moment.edges.forEach((edge, at) => {
    const source = history.edges.source[edge]!;
    const weight = moment.weight[at] ?? 0;
    if (weight > (found.get(source)?.[1] ?? 0)) found.set(source, [edge, weight]);
  });
  return new Map([...found].map(([source, [edge]]) => [source, edge]));
}

function flipped(history: History, before: number, now: number): Set<number> {
  const [old, present] = [best(history, before), best(history, now)];
  return new Set([...old].filter(([source, edge]) => present.get(source) !== edge).map(([source]) => source));
}
