/** What happened in a run, at which update. */
import type { Overview } from "../api/client";
import { h } from "../dom";
import { number, visible } from "../text";

const SHOWN = ["phase", "action", "value", "reason", "eligible", "refused", "file"];

export function eventTable(overview: Overview): HTMLDetailsElement | null {
  if (!overview.events.length) return null;
  const rows = overview.events.map((event) => {
    const words = SHOWN.filter((key) => event[key] !== undefined && event[key] !== null).map((key) => `${key} ${visible(String(event[key]))}`);
    return h("tr", {}, h("td", {}, number(Number(event["step"]))), h("td", {}, visible(String(event["event"])).replaceAll("_", " ")), h("td", {}, words.join(", ")));
  });
  const head = h("tr", {}, ...["update", "event", "what"].map((word) => h("th", { scope: "col" }, word)));
  return h("details", { class: "events" }, h("summary", {}, `Events (${rows.length})`), h("div", { class: "scroll", tabindex: 0 }, h("table", { class: "plain" }, h("thead", {}, head), h("tbody", {}, ...rows))));
}
