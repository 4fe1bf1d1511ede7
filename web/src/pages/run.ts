/** One run: what it is, and the tabs. */
import { address, get, offline, type Overview } from "../api/client";
import { h, replace } from "../dom";
import { failure, waiting } from "../parts/failure";
import { anew, link, read, Time } from "../state";
import { controlBar } from "./control";
import { follow } from "./live";
import { heard } from "./heard";
import { overviewTab, showEvents } from "./overview";
import { problemsTab } from "./problems";
import { rolloutsTab } from "./rollouts";
import { webTab } from "./web";

export interface Tab {
  name: string;
  title: string;
  there(overview: Overview): boolean;
  show(main: HTMLElement, overview: Overview, time: Time): Promise<(() => void) | void>;
}

export const TABS: Tab[] = [
  { name: "overview", title: "Overview", there: () => true, show: overviewTab },
  { name: "web", title: "Web", there: (overview) => overview.web, show: webTab },
  { name: "problems", title: "Problems", there: () => true, show: problemsTab },
  { name: "rollouts", title: "Rollouts", there: (overview) => overview.texts, show: rolloutsTab },
];

const FEW = 12; // settings that are shown at once

export async function runPage(main: HTMLElement, name: string, tab: string, leaving: AbortSignal): Promise<void> {
  const { query } = read();
  replace(main, h("h1", {}, name), waiting("opening the run"));
  let overview: Overview;
  try {
    overview = await get<Overview>(address("runs", name));
  } catch (error) {
    if (leaving.aborted) return;
    replace(main, h("h1", {}, name), failure(error));
    window.addEventListener("conet-back", anew, { signal: leaving });
    return;
  }
  if (leaving.aborted) return;
  const tabs = TABS.filter((one) => one.there(overview));
  const shown = tabs.find((one) => one.name === tab) ?? tabs[0]!;
  const body = h("div", { class: "tab", id: "tab" });
  const state = h("span", { class: `state ${overview.run.state}` }, overview.run.state);
  const live = h("span", { class: "live", "aria-live": "polite" });
  const bar = h(
    "nav",
    { class: "tabs", "aria-label": "parts of the run" },
    ...tabs.map((one) => h("a", { "data-tab": one.name, "aria-current": one === shown ? "page" : null }, one.title)),
  );
  const steering = offline ? null : controlBar(overview, leaving, (now) => shown.name === "overview" && showEvents(body, now));
  replace(main, h("div", { class: "run-head" }, h("h1", {}, name), state, live, lastWords(overview), settings(overview), saving(overview)), bar, steering, body);
  const time = new Time(query, leaving);
  /** What a tab passes on to the next: the moment. */
  const passOn = () =>
    bar.querySelectorAll("a").forEach((one) => one.setAttribute("href", link(["run", name, one.dataset["tab"]!], time.step === null ? [] : [["step", String(time.step)]])));
  time.listen(bar, passOn);
  passOn();
  let ends: (() => void) | void;
  leaving.addEventListener("abort", () => ends?.());
  /** Show the tab, or what has come to it. */
  const draw = async (now: Overview) => {
    const given = await shown.show(body, now, time);
    if (!given) return;
    if (leaving.aborted) return given(); // another page was asked for meanwhile
    ends?.();
    ends = given;
  };
  const first = draw(overview);
  // Its state and its newest update are told from the beginning: the findings of a long run take longer.
  if (!offline) void follow(overview.run, leaving, heard(overview, { main, state, live, steering }, leaving, async () => {
    await first;
    if (!leaving.aborted) await draw(await get<Overview>(address("runs", name)));
  }));
  await first;
}

/** The page of this run as one file that needs no server. */
function saving(overview: Overview): HTMLElement | null {
  if (offline) return null;
  const page = address("runs", overview.run.name, "page");
  const ways = [h("a", { href: page, download: `${overview.run.name}.html` }, "save this page")];
  if (overview.texts) ways.push(h("a", { href: `${page}?texts=false`, download: `${overview.run.name}.html` }, "without texts"));
  return h("span", { class: "save" }, ...ways);
}

/** What a run that was started here said last, where it was killed. */
function lastWords({ last_words }: Overview): HTMLElement | null {
  return last_words ? h("p", { class: "run-settings last-words" }, `It said last: ${last_words}`) : null;
}

function settings(overview: Overview): HTMLElement | null {
  const all = Object.entries(overview.run.settings);
  if (!all.length) return null;
  const said = all.map(([key, value]) => `${key}=${value}`).join("  ");
  if (all.length <= FEW) return h("p", { class: "run-settings" }, said);
  return h("details", { class: "run-settings" }, h("summary", {}, `${all.length} settings that differ from the defaults`), said);
}
