/** What a saved page answers by itself: rollouts, texts and searches, from the sample that it brings with it. */
import type { components } from "./schema";

interface Sample {
  total: number;
  rows: components["schemas"]["RolloutRow"][];
  texts: components["schemas"]["TextOf"][];
}

export function fromSample(data: Record<string, unknown>, place: string): unknown {
  const match = /^(api\/runs\/[^/]+)\/(rollouts|texts|search)\?(.*)$/.exec(place);
  if (!match) return undefined;
  const sample = data[`${match[1]}/sample`] as Sample | undefined;
  if (!sample) return undefined;
  const query = new URLSearchParams(match[3]);
  if (match[2] === "texts") {
    const wanted = query.getAll("index").map(Number);
    return wanted.map((index) => sample.texts.find((text) => text.index === index)).filter((text) => text !== undefined);
  }
  const [problems, first, last] = [query.getAll("problem").map(Number), Number(query.get("first") ?? 0), Number(query.get("last") ?? Infinity)];
  const rows = sample.rows.filter((row) => (!problems.length || problems.includes(row.problem)) && row.step >= first && row.step < last);
  const offset = Number(query.get("offset") ?? 0);
  if (match[2] === "rollouts") return { total: rows.length, rows: rows.slice(offset, offset + 64) };
  const words = (query.get("words") ?? "").toLowerCase();
  const text = new Map(sample.texts.map((one) => [one.index, one.completion.map((part) => part.content).join("\n").toLowerCase()]));
  const found = rows.filter((row) => text.get(row.index)?.includes(words));
  return { rows: found.slice(0, 64), found: found.length, searched: rows.length, total: rows.length };
}
