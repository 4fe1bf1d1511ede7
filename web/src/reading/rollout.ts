/** One rollout: what is known of it in numbers, and its texts once they have been read. */
import type { Schemas } from "../api/client";
import { h } from "../dom";
import { number, visible } from "../text";
import { diff } from "./diff";
import { rendered } from "./text";

export type Row = Schemas["RolloutRow"];
export type Text = Schemas["TextOf"];

export function verdict(row: Row): HTMLElement {
  const [kind, sign, word] = row.correct === null ? ["unknown", "?", "unknown"] : row.correct ? ["right", "✓", "right"] : ["wrong", "✗", "wrong"];
  return h("span", { class: `verdict ${kind}` }, `${sign} ${word}`);
}

export function facts(row: Row): string {
  const components = Object.entries(row.components).map(([name, value]) => `${visible(name)} ${number(value)}`);
  const parts = [`step ${number(row.step)}`, `problem ${row.problem}`, `reward ${number(row.reward)}`, ...(components.length > 1 ? components : []), row.length === null ? "" : `length ${number(row.length)}`, row.truncated ? "truncated" : "", row.split === "train" ? "" : (row.split ?? "")];
  return parts.filter(Boolean).join(" · ");
}

export function card(row: Row, text: Text | undefined, mark: string): HTMLElement {
  return h("article", { class: "rollout" }, h("header", {}, verdict(row), h("span", {}, facts(row))), text ? speeches(text.completion, mark) : h("p", { class: "waiting" }, "reading"));
}

export function speeches(said: Text["prompt"], mark: string): HTMLElement {
  return h("div", {}, ...said.flatMap((one) => [one.role ? h("p", { class: "role" }, visible(one.role)) : null, rendered(one.content, mark)]));
}

export function compared(rows: [Row, Row], texts: [Text, Text]): HTMLElement {
  const whole = (text: Text) => visible(text.completion.map((one) => one.content).join("\n"));
  const pieces = diff(whole(texts[0]), whole(texts[1]));
  const box = h("div", { class: "text diff" });
  for (const piece of pieces) box.append(piece.kind === "both" ? piece.text : h(piece.kind === "left" ? "del" : "ins", {}, piece.text));
  return h("article", { class: "rollout" }, h("header", {}, h("del", {}, `A: ${facts(rows[0])}`), h("ins", {}, `B: ${facts(rows[1])}`)), box);
}
