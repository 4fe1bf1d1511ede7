/**
 * The web on the GPU: sigma.js 3 with graphology, which draws nodes and edges as WebGL programs and keeps the camera.
 * Places never change, so that a step of the slider only writes colours and sizes anew, and those that differ. What
 * takes all nodes and edges, the order in which they lie and the choice of labels, follows when the slider rests.
 */
import { createNodeBorderProgram } from "@sigma/node-border";
import { NodeSquareProgram } from "@sigma/node-square";
import Graph from "graphology";
import Sigma from "sigma";
import { createEdgeArrowProgram } from "sigma/rendering";
import type { History, Moments, Touched } from "./moments";
import { vector } from "./vector";

/** A question: a ring around the colour of its island. */
const Ring = createNodeBorderProgram({
  borders: [
    { size: { value: 0.32 }, color: { attribute: "borderColor" } },
    { size: { fill: true }, color: { attribute: "color" } },
  ],
});

/** An answer, whose number is written as those of the others are: in the colours of the theme. */
class Square extends NodeSquareProgram {
  constructor(...given: ConstructorParameters<typeof NodeSquareProgram>) {
    super(...given);
    Object.assign(this, { drawLabel: undefined, drawHover: undefined });
  }
}

/** Directed: a head where walks arrive, large enough to be seen on a thin edge. */
const Arrow = createEdgeArrowProgram({ lengthToThicknessRatio: 3.4, widenessToThicknessRatio: 2.8 });
const MOST_ARROWS = 4000; // edges that are ever drawn, beyond which heads cannot be told apart (our choice)

const REST = 250; // milliseconds after the last step of the slider
const NEAREST = 0.16; // of the whole picture, what is shown of it at least

export interface Drawing {
  /** Write all nodes and edges anew. */
  refresh(): void;
  /** Write those that a step of the slider touched. */
  step(touched: Touched): void;
  /** What is seen, as lines and shapes. */
  vector(): SVGElement | null;
  to(id: number): void;
  /** Bring the path of a problem near; all where there is none. */
  frame(): void;
  end(): void;
}

interface Reactions {
  over(id: number | null): void;
  click(id: number | null): void;
}

export function drawing(box: HTMLElement, history: History, state: Moments, react: Reactions): Drawing {
  const graph = new Graph({ type: "directed", multi: false });
  history.nodes.id.forEach((id, at) => {
    graph.addNode(String(at), { x: history.nodes.x[at], y: -(history.nodes.y[at] ?? 0), label: String(id), type: typeOf(history.nodes.role[at]!) });
  });
  for (const at of state.ever) graph.addEdgeWithKey(String(at), String(history.edges.source[at]), String(history.edges.target[at]));
  let look = looks(box);
  const sigma = new Sigma(graph, box, {
    allowInvalidContainer: true,
    minCameraRatio: 0.03,
    maxCameraRatio: 3,
    labelDensity: 0.25,
    labelRenderedSizeThreshold: 9,
    labelFont: "system-ui, sans-serif",
    labelSize: 12,
    labelColor: { color: look.ink },
    defaultDrawNodeLabel: (context, data, settings) => above(context, data, settings.labelSize, look),
    defaultDrawNodeHover: (context, data, settings) => label(context, data, settings.labelSize, look),
    zIndex: true,
    defaultEdgeType: state.ever.length > MOST_ARROWS ? "line" : "arrow",
    edgeProgramClasses: { arrow: Arrow },
    nodeProgramClasses: { border: Ring, square: Square },
    nodeReducer: (key, data) => node(Number(key), data, history, state, look),
    edgeReducer: (key) => edge(Number(key), history, state, look),
  });
  const idOf = (key: string) => history.nodes.id[Number(key)] ?? null;
  sigma.on("enterNode", ({ node: key }) => react.over(idOf(key)));
  sigma.on("leaveNode", () => react.over(null));
  sigma.on("clickNode", ({ node: key }) => react.click(idOf(key)));
  sigma.on("clickStage", () => react.click(null));
  const themed = () => {
    look = looks(box);
    sigma.setSetting("labelColor", { color: look.ink });
  };
  box.addEventListener("keydown", (event) => moved(event, sigma.getCamera()));
  window.addEventListener("conet-theme", themed);
  sigma.on("resize", () => {
    look = looks(box); // nodes are small where the picture is
    refresh();
  });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", themed);
  let [resting, waiting] = [0, false]; // until all is drawn, no single node has a place in memory
  sigma.on("afterRender", () => (waiting = false));
  const written = (items: number) => (box.dataset["written"] = String(items));
  const all = () => {
    window.clearTimeout(resting);
    waiting = true;
    sigma.refresh({ schedule: true });
  };
  /** Do something once nodes have their places on the screen: only then are those of the camera known. */
  const placed = (then: () => void) => (waiting ? void sigma.once("afterRender", then) : then());
  const refresh = () => {
    all();
    written(graph.order + graph.size);
  };
  return {
    refresh,
    step({ nodes, edges }) {
      if (waiting) return refresh();
      window.clearTimeout(resting);
      sigma.refresh({ partialGraph: { nodes: nodes.map(String), edges: edges.map(String).filter((key) => graph.hasEdge(key)) }, skipIndexation: true, schedule: true });
      written(nodes.length + edges.length);
      resting = window.setTimeout(all, REST);
    },
    vector: () => vector(sigma, graph, look.ink, look.ground),
    to(id) {
      const at = history.nodes.id.indexOf(id);
      placed(() => {
        const where = at < 0 ? undefined : sigma.getNodeDisplayData(String(at));
        if (where && sigma.getCamera().ratio < 0.7) void sigma.getCamera().animate({ x: where.x, y: where.y }, { duration: still() ? 0 : 300 });
      });
    },
    frame: () => placed(() => {
      const places = [...state.pathNodes].flatMap((at) => sigma.getNodeDisplayData(String(at)) ?? []);
      const [x, y] = [places.map((place) => place.x), places.map((place) => place.y)];
      const middle = (values: number[]) => (Math.min(...values) + Math.max(...values)) / 2;
      const extent = Math.max(Math.max(...x) - Math.min(...x), Math.max(...y) - Math.min(...y));
      const view = places.length ? { x: middle(x), y: middle(y), ratio: Math.min(1, Math.max(NEAREST, 2.5 * extent)) } : { x: 0.5, y: 0.5, ratio: 1 };
      void sigma.getCamera().animate(view, { duration: still() ? 0 : 300 });
    }),
    end() {
      window.clearTimeout(resting);
      window.removeEventListener("conet-theme", themed);
      system.removeEventListener("change", themed);
      sigma.kill();
    },
  };
}

const MOVE = 0.1; // of what is seen, at a press of an arrow

/** Arrows move what is seen, plus and minus zoom, 0 shows all. */
function moved(event: KeyboardEvent, camera: ReturnType<Sigma["getCamera"]>): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return; // those are the browser's
  const { x, y, ratio } = camera.getState();
  const states: Record<string, { x?: number; y?: number; ratio?: number }> = {
    ArrowLeft: { x: x - MOVE * ratio },
    ArrowRight: { x: x + MOVE * ratio },
    ArrowUp: { y: y + MOVE * ratio },
    ArrowDown: { y: y - MOVE * ratio },
    "+": { ratio: ratio / 1.5 },
    "-": { ratio: ratio * 1.5 },
    "0": { x: 0.5, y: 0.5, ratio: 1 },
  };
  const state = states[event.key];
  if (!state) return;
  camera.setState(state);
  event.preventDefault();
}

function still(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function typeOf(role: string): string {
  return role === "question" || role === "both" ? "border" : role === "answer" ? "square" : "circle";
}

type Look = ReturnType<typeof looks>;

/** Colours of the theme, and how large nodes are: small where the picture is. */
function looks(box: HTMLElement) {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => whole(style.getPropertyValue(name).trim());
  return { ink: value("--ink"), soft: value("--web-edge"), ground: value("--ground"), flip: value("--c2"), accent: value("--accent"), faded: value("--line"), scale: Math.min(1, Math.max(0.45, box.clientWidth / 900)) };
}

/** A style sheet may write #fff for #ffffff. */
function whole(colour: string): string {
  return /^#[0-9a-f]{3}$/i.test(colour) ? `#${[...colour.slice(1)].map((letter) => letter + letter).join("")}` : colour;
}

function node(at: number, data: Record<string, unknown>, history: History, state: Moments, look: Look) {
  const moment = history.moments[state.index]!;
  const inside = (moment.island[at] ?? -1) >= 0;
  const shown = state.highlighted;
  const chosen = state.node !== null && history.nodes.id[at] === state.node;
  const onPath = state.pathNodes.has(at) || (shown !== null && shown.has(at));
  const fades = (state.problem !== null || shown !== null) && !onPath && !chosen;
  const size = inside || onPath ? 1.8 + 1.9 * Math.sqrt(moment.size[at] ?? 0) : 0.8;
  const marked = state.problem !== null && state.pathNodes.has(at);
  const colour = marked ? look.accent : fades ? look.soft : state.colour(at);
  return {
    ...data,
    hidden: !inside && !onPath && !chosen,
    size: look.scale * Math.min(11, size) + (chosen || marked ? 3 * Math.max(0.6, look.scale) : 0),
    color: chosen ? look.ink : state.flipped.has(at) ? look.flip : colour,
    borderColor: chosen ? look.accent : fades ? look.faded : look.ink,
    zIndex: chosen || onPath ? 2 : 1,
    forceLabel: chosen || (marked && ends(history, state).includes(history.nodes.id[at]!)),
  };
}

function edge(at: number, history: History, state: Moments, look: Look) {
  const weight = state.weight[at]!;
  if (!weight) return { hidden: true };
  const source = history.edges.source[at]!;
  const onPath = state.path.has(at);
  const fades = state.problem !== null && !onPath;
  return {
    // Also of a path: where the picture is small, large heads would hide the nodes that they point to.
    size: look.scale * (onPath ? 3 : 0.8) + 1.6 * (onPath ? look.scale : 1) * Math.min(1, Math.sqrt(state.traffic[at]! / 4)),
    color: onPath ? look.accent : fades ? look.soft : state.flipped.has(source) ? look.flip : mixed(state.colour(source), look.ground, weight),
    zIndex: onPath ? 2 : 0,
  };
}

/** Question and answer of the problem that is followed. */
function ends(history: History, state: Moments): number[] {
  return [history.nodes.questions[state.problem!]!, history.nodes.answers[state.problem!]!];
}

const SHADES = 20; // more are not told apart
const known = new Map<string, string>();

/** Less likely edges are paler. */
function mixed(colour: string, ground: string, weight: number): string {
  const shade = Math.round(SHADES * Math.min(1, weight));
  const key = `${colour}${ground}${shade}`;
  const found = known.get(key) ?? between(colour, ground, 0.35 + (0.65 * shade) / SHADES);
  known.set(key, found);
  return found;
}

function between(colour: string, ground: string, share: number): string {
  const channel = (from: string, at: number) => parseInt(from.slice(at, at + 2), 16);
  const both = [1, 3, 5].map((at) => Math.round(share * channel(colour, at) + (1 - share) * channel(ground, at)));
  return `#${both.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

type Drawn = { x: number; y: number; size: number; label?: string | null };

/** The number of a node above it, where neighbours to the left and right do not cover it, on a rim of the ground. */
function above(context: CanvasRenderingContext2D, data: Drawn, size: number, look: Look): void {
  if (!data.label) return;
  context.font = `${size}px system-ui, sans-serif`;
  const [x, y] = [data.x - context.measureText(data.label).width / 2, data.y - data.size - 4];
  [context.strokeStyle, context.lineWidth, context.lineJoin] = [look.ground, 4, "round"];
  context.strokeText(data.label, x, y);
  context.lineWidth = 1;
  context.fillStyle = look.ink;
  context.fillText(data.label, x, y);
}

function label(context: CanvasRenderingContext2D, data: Drawn, size: number, look: Look): void {
  const text = `node ${data.label ?? ""}`;
  context.font = `600 ${size}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + 10;
  context.fillStyle = look.ground;
  context.fillRect(data.x + data.size + 2, data.y - size, wide, size * 2);
  context.strokeStyle = look.ink;
  context.beginPath();
  context.arc(data.x, data.y, data.size + 2, 0, 2 * Math.PI);
  context.stroke();
  context.fillStyle = look.ink;
  context.fillText(text, data.x + data.size + 7, data.y + size / 3);
}
