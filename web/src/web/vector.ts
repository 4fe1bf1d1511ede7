/** The web as it is seen, as lines and shapes: for a file that can be enlarged without end. */
import type Graph from "graphology";
import type Sigma from "sigma";
import { s } from "../dom";

export function vector(sigma: Sigma, graph: Graph, ink: string, ground: string): SVGElement {
  const { width, height } = sigma.getDimensions();
  const edges = s("g", { "stroke-linecap": "butt" });
  const nodes = s("g", {});
  const labels = s("g", { "font-family": "system-ui, sans-serif", "font-size": 12, "text-anchor": "middle", fill: ink, stroke: ground, "stroke-width": 3, "paint-order": "stroke" });
  const place = (key: string) => sigma.graphToViewport(graph.getNodeAttributes(key) as { x: number; y: number });
  const radius = (key: string) => sigma.scaleSize(sigma.getNodeDisplayData(key)?.size ?? 0);
  const round = (value: number) => Math.round(value * 100) / 100;
  const drawn = graph.edges().flatMap((key) => {
    const look = sigma.getEdgeDisplayData(key);
    return look && !look.hidden ? [{ key, look }] : [];
  });
  for (const { key, look } of drawn.sort((one, other) => one.look.zIndex - other.look.zIndex)) {
    const [from, to, end] = [place(graph.source(key)), place(graph.target(key)), radius(graph.target(key))];
    const long = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const [x, y, wide] = [(to.x - from.x) / long, (to.y - from.y) / long, sigma.scaleSize(look.size)];
    const head = look.type === "arrow" ? Math.min(3.4 * wide, Math.max(0, long - end)) : 0;
    const [tip, neck, side] = [long - end, long - end - head, 1.4 * wide];
    const at = (along: number, across = 0) => `${round(from.x + x * along - y * across)} ${round(from.y + y * along + x * across)}`;
    edges.append(s("path", { d: `M${at(0)}L${at(Math.max(0, head ? neck : tip))}`, stroke: look.color, "stroke-width": round(wide) }));
    if (head) edges.append(s("path", { d: `M${at(tip)}L${at(neck, side)}L${at(neck, -side)}Z`, fill: look.color }));
  }
  const written = sigma.getNodeDisplayedLabels();
  for (const key of graph.nodes()) {
    const look = sigma.getNodeDisplayData(key) as ({ borderColor?: string; hidden: boolean; type: string; color: string; label: string | null; forceLabel: boolean } | undefined);
    if (!look || look.hidden) continue;
    const [{ x, y }, size] = [place(key), radius(key)];
    if (look.type === "square") nodes.append(s("rect", { x: round(x - size), y: round(y - size), width: round(2 * size), height: round(2 * size), fill: look.color }));
    else if (look.type === "border") nodes.append(s("circle", { cx: round(x), cy: round(y), r: round(0.84 * size), fill: look.color, stroke: look.borderColor ?? ink, "stroke-width": round(0.32 * size) }));
    else nodes.append(s("circle", { cx: round(x), cy: round(y), r: round(size), fill: look.color }));
    if (written.has(key) || look.forceLabel) labels.append(s("text", { x: round(x), y: round(y - size - 4) }, look.label ?? ""));
  }
  return s("svg", { viewBox: `0 0 ${width} ${height}`, width, height }, edges, nodes, labels);
}
