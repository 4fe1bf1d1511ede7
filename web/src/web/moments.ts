/** What the web is at the moment that is shown, as arrays that drawing reads. */
import type { Schemas } from "../api/client";
import { island } from "../charts/colours";

export type History = Schemas["WebHistory"];
const MOST_EDGES = 4000; // drawn at a moment: of more, nothing can be made out, and drawing takes seconds (our choice)
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
  /** Edges (places) that are drawn at any moment, of which each may have its own. */
  ever: number[];
  /** How many edges there are at the moment that are not drawn. */
  leftOut: number;
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
  const edgeOf = (from: number, to: number) => edgeAt.get(`${places.get(from)} ${places.get(to)}`);
  let taken = history.moments.length - 1;
  const shown = history.moments.map((moment) => likeliest(moment, edgeOf));
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
    ever: [...new Set(shown.flat().map(([edge]) => edge))],
    leftOut: 0,
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
      const before = { ...state, moment: history.moments[taken]!, edges: shown[taken]! };
      taken = state.index;
      state.leftOut = moment.edges.length - shown[taken]!.length;
      [state.weight, state.traffic] = [new Float32Array(edges), new Float32Array(edges)];
      for (const [edge, at] of shown[taken]!) {
        state.weight[edge] = moment.weight[at] ?? 0;
        state.traffic[edge] = moment.traffic[at] ?? 0;
      }
      state.flipped = state.since === null ? new Set() : flipped(history, state.since, state.index);
      state.highlighted = state.chosen.length ? new Set(state.chosen.flatMap((problem) => nodesOf(moment, problem))) : null;
      state.path = new Set();
      const path = state.problem === null ? [] : moment.paths[state.problem]!;
      const ends = state.problem === null ? [] : [history.nodes.questions[state.problem]!, history.nodes.answers[state.problem]!];
      state.pathNodes = new Set([...path, ...ends].map((id) => places.get(id) ?? -1));
      for (let hop = 0; hop + 1 < path.length; hop++) {
        const edge = edgeOf(path[hop]!, path[hop + 1]!);
        if (edge !== undefined) state.path.add(edge);
      }
      return touched(history, before, { ...state, moment, edges: shown[taken]! });
    },
  };
  function nodesOf(moment: History["moments"][number], problem: number): number[] {
    const ends = [history.nodes.questions[problem], history.nodes.answers[problem]];
    return [...(moment.paths[problem] ?? []), ...ends].map((id) => (id === undefined ? -1 : (places.get(id) ?? -1)));
  }
  return state;
}

type Moment = History["moments"][number];
type Shown = [edge: number, at: number][]; // places among all edges, and among those of the moment
type Taken = Moments & { moment: Moment; edges: Shown };

/** The edges of a moment that are drawn: all, or the likeliest, and those on the path of a problem. */
function likeliest(moment: Moment, edgeOf: (from: number, to: number) => number | undefined): Shown {
  const all = moment.edges.map((edge, at): [number, number] => [edge, at]);
  if (all.length <= MOST_EDGES) return all;
  const onPath = new Set(moment.paths.flatMap((path) => path.slice(1).map((id, hop) => edgeOf(path[hop]!, id))));
  const use = ([edge, at]: [number, number]) => (onPath.has(edge) ? 2 : 0) + (moment.weight[at] ?? 0) + 1e-6 * (moment.traffic[at] ?? 0);
  const rank = new Float64Array(all.map(use)).sort();
  const least = rank[rank.length - MOST_EDGES]!;
  const above = all.filter((one) => use(one) > least);
  return [...above, ...all.filter((one) => use(one) === least).slice(0, MOST_EDGES - above.length)];
}

/** What is drawn otherwise than before: where a problem or a change is marked, all that was or is there. */
function touched(history: History, before: Taken, now: Taken): Touched {
  const marked = now.problem !== null || now.since !== null || now.highlighted !== null;
  const recoloured = (at: number) => before.moment.island[at] !== now.moment.island[at];
  const nodes = history.nodes.id.flatMap((_, at) => (marked || recoloured(at) || before.moment.size[at] !== now.moment.size[at] ? [at] : []));
  const edges = new Set([...before.path, ...now.path]);
  for (const [edge] of [...before.edges, ...now.edges]) {
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
