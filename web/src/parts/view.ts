/** One view: title, definition, panels, caption, and how to save it. */
import type { Panel, View } from "../api/client";
import { bars } from "../charts/bars";
import { heatMap } from "../charts/heatmap";
import { lines } from "../charts/lines";
import { h } from "../dom";
import type { Time } from "../state";
import { allVisible } from "../text";
import { info } from "./info";
import { saveLinks } from "./save";

export function viewCard(run: string, given: View, time: Time | null): HTMLElement {
  const view = allVisible(given); // names of rewards and columns are those of the log
  const panels = h("div", { class: `panels ${view.arrangement}` }, ...(view.panels ?? []).map((panel) => drawn(panel, time, `${view.title}. ${view.caption}`)));
  return h(
    "section",
    { class: "view", id: `view-${view.name}`, tabindex: -1 },
    h("header", {}, h("h2", {}, ...asked(view.title, info(view.definition ?? ""))), view.panels?.length ? saveLinks(run, view.name, () => panels.parentElement) : null),
    view.absent ? h("p", { class: "empty" }, view.absent) : panels,
    view.caption ? h("p", { class: "caption" }, view.caption) : null,
  );
}

/** A title whose question mark never stands alone on a line. */
function asked(title: string, mark: HTMLElement | null): (Node | string)[] {
  const last = title.lastIndexOf(" ") + 1;
  return [title.slice(0, last), h("span", { class: "whole" }, title.slice(last), mark)];
}

function drawn(panel: Panel, time: Time | null, label: string): HTMLElement {
  switch (panel.kind) {
    case "lines":
      return lines(panel, overTime(panel) ? time : null, label);
    case "heat_map":
      return heatMap(panel, time, label);
    case "bars":
      return bars(panel);
    case "network":
      return h("p", { class: "empty" }, panel.note || "See the tab Web.");
    case "text":
      return h("p", {}, panel.text);
  }
}

/** Whether the horizontal axis of a panel is the time that all charts share. */
function overTime(panel: { x: { name: string } }): boolean {
  return ["updates done", "step", "update"].includes(panel.x.name);
}
