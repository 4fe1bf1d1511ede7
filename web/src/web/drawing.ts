/**
 * The web on the GPU: sigma.js 3 with graphology, which draws nodes and edges as WebGL programs and keeps the camera.
 * Places never change, so that a step of the slider only writes colours and sizes anew.
 */
import { createNodeBorderProgram } from "@sigma/node-border";
import { NodeSquareProgram } from "@sigma/node-square";
import Graph from "graphology";
import Sigma from "sigma";
import { EdgeArrowProgram, EdgeLineProgram } from "sigma/rendering";
import type { History, Moments } from "./moments";

/** A question: a ring around the colour of its island. */
const Ring = createNodeBorderProgram({
  borders: [
    { size: { value: 0.32 }, color: { attribute: "borderColor" } },
    { size: { fill: true }, color: { attribute: "color" } },
  ],
});

export interface Drawing {
  refresh(): void;
  canvas(): HTMLCanvasElement | null;
  to(id: number): void;
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
  history.edges.source.forEach((source, at) => graph.addEdgeWithKey(String(at), String(source), String(history.edges.target[at]), { type: history.edges.source.length > 20_000 ? "line" : "arrow" }));
  let look = colours();
  const sigma = new Sigma(graph, box, {
    allowInvalidContainer: true,
    minCameraRatio: 0.03,
    maxCameraRatio: 3,
    labelDensity: 0.25,
    labelRenderedSizeThreshold: 9,
    labelFont: "system-ui, sans-serif",
    labelSize: 12,
    labelColor: { color: look.ink },
    defaultDrawNodeHover: (context, data, settings) => label(context, data, settings.labelSize, look),
    zIndex: true,
    nodeProgramClasses: { border: Ring, square: NodeSquareProgram },
    edgeProgramClasses: { arrow: EdgeArrowProgram, line: EdgeLineProgram },
    nodeReducer: (key, data) => node(Number(key), data, history, state, look),
    edgeReducer: (key) => edge(Number(key), history, state, look),
  });
  const idOf = (key: string) => history.nodes.id[Number(key)] ?? null;
  sigma.on("enterNode", ({ node: key }) => react.over(idOf(key)));
  sigma.on("leaveNode", () => react.over(null));
  sigma.on("clickNode", ({ node: key }) => react.click(idOf(key)));
  sigma.on("clickStage", () => react.click(null));
  const themed = () => {
    look = colours();
    sigma.setSetting("labelColor", { color: look.ink });
  };
  window.addEventListener("conet-theme", themed);
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", themed);
  return {
    refresh: () => sigma.refresh({ skipIndexation: true }),
    canvas: () => flattened(sigma, look.ground),
    to(id) {
      const at = history.nodes.id.indexOf(id);
      const where = at < 0 ? undefined : sigma.getNodeDisplayData(String(at));
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (where && sigma.getCamera().ratio < 0.7) void sigma.getCamera().animate({ x: where.x, y: where.y }, { duration: still ? 0 : 300 });
    },
    end() {
      window.removeEventListener("conet-theme", themed);
      system.removeEventListener("change", themed);
      sigma.kill();
    },
  };
}

function typeOf(role: string): string {
  return role === "question" || role === "both" ? "border" : role === "answer" ? "square" : "circle";
}

type Look = ReturnType<typeof colours>;

function colours() {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => whole(style.getPropertyValue(name).trim());
  return { ink: value("--ink"), soft: value("--web-edge"), ground: value("--ground"), flip: value("--c2"), accent: value("--accent") };
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
  const colour = fades ? look.soft : state.colour(at);
  return {
    ...data,
    hidden: !inside && !onPath && !chosen,
    size: Math.min(11, size) + (chosen ? 3 : 0),
    color: chosen ? look.ink : state.flipped.has(at) ? look.flip : colour,
    borderColor: chosen ? look.accent : look.ink,
    zIndex: chosen || onPath ? 2 : 1,
    forceLabel: chosen || (state.problem !== null && onPath),
  };
}

function edge(at: number, history: History, state: Moments, look: Look) {
  const weight = state.weight[at]!;
  if (!weight) return { hidden: true };
  const source = history.edges.source[at]!;
  const onPath = state.path.has(at);
  const fades = state.problem !== null && !onPath;
  return {
    size: (onPath ? 3 : 0.8) + 1.6 * Math.min(1, Math.sqrt(state.traffic[at]! / 4)),
    color: onPath ? look.accent : fades ? look.soft : state.flipped.has(source) ? look.flip : mixed(state.colour(source), look.ground, weight),
    zIndex: onPath ? 2 : 0,
  };
}

/** Less likely edges are paler. */
function mixed(colour: string, ground: string, weight: number): string {
  const share = 0.35 + 0.65 * Math.min(1, weight);
  const channel = (from: string, at: number) => parseInt(from.slice(at, at + 2), 16);
  const both = [1, 3, 5].map((at) => Math.round(share * channel(colour, at) + (1 - share) * channel(ground, at)));
  return `#${both.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function label(context: CanvasRenderingContext2D, data: { x: number; y: number; size: number; label?: string | null }, size: number, look: Look): void {
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

/** All layers in one picture. WebGL forgets what it drew, so it is drawn right before. */
function flattened(sigma: Sigma, ground: string): HTMLCanvasElement {
  sigma.refresh({ skipIndexation: true });
  const layers = Object.values(sigma.getCanvases());
  const first = layers[0]!;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [first.width, first.height];
  const context = canvas.getContext("2d")!;
  context.fillStyle = ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const layer of layers) if (layer.width) context.drawImage(layer, 0, 0, canvas.width, canvas.height);
  return canvas;
}
