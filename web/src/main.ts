/** Which page the address names. */
import { h, replace } from "./dom";
import { failure } from "./parts/failure";
import { comparePage } from "./pages/compare";
import { runPage, TABS } from "./pages/run";
import { runsPage } from "./pages/runs";
import { setTheme, shell } from "./pages/shell";
import { ANEW, link, read } from "./state";
import "./style.css";

let leave = new AbortController();

async function show(first = false): Promise<void> {
  const { path } = read();
  leave.abort();
  leave = new AbortController();
  const leaving = leave.signal;
  const main = h("main", { id: "main", tabindex: -1 });
  const [kind, one, other] = path;
  const trail: [string, string | null][] = [["CoNet", link([])]];
  if (kind === "run" && one) trail.push([one, link(["run", one])], [TABS.find((tab) => tab.name === other)?.title ?? TABS[0]!.title, null]);
  else if (kind === "compare") trail.push(["comparison", null]);
  else trail.push(["Runs", null]);
  replace(document.getElementById("page")!, shell(trail, main));
  if (!first) main.focus({ preventScroll: true }); // who uses a keyboard or a screen reader begins with what is new
  document.title = [one, "CoNet"].filter(Boolean).join(" · ");
  try {
    await content(main, leaving);
  } catch (error) {
    if (!leaving.aborted) main.append(failure(error));
  }
}

/** Fill the page that the address names. */
async function content(main: HTMLElement, leaving: AbortSignal): Promise<void> {
  const [kind, one, other] = read().path;
  if (kind === "run" && one) await runPage(main, one, other ?? "overview", leaving);
  else if (kind === "compare" && one && other) await comparePage(main, [one, other], leaving);
  else await runsPage(main, leaving);
}

setTheme();
if (location.search) history.replaceState(null, "", location.pathname + location.hash); // the token is in the cookie: a link that is passed on has none
window.addEventListener("hashchange", () => void show());
window.addEventListener(ANEW, () => void show());
void show(true);
