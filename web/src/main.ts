/** Which page the address names. */
import { h, replace } from "./dom";
import { comparePage } from "./pages/compare";
import { leaveTab, runPage, TABS } from "./pages/run";
import { runsPage } from "./pages/runs";
import { setTheme, shell } from "./pages/shell";
import { link, read } from "./state";
import "./style.css";

async function show(): Promise<void> {
  const { path } = read();
  leaveTab();
  const main = h("main", { id: "main", tabindex: -1 });
  const [kind, one, other] = path;
  const trail: [string, string | null][] = [["CoNet", link([])]];
  if (kind === "run" && one) trail.push([one, link(["run", one])], [TABS.find((tab) => tab.name === other)?.title ?? TABS[0]!.title, null]);
  else if (kind === "compare") trail.push(["comparison", null]);
  else trail.push(["Runs", null]);
  replace(document.getElementById("page")!, shell(trail, main));
  document.title = [one, "CoNet"].filter(Boolean).join(" · ");
  if (kind === "run" && one) await runPage(main, one, other ?? "overview");
  else if (kind === "compare" && one && other) await comparePage(main, [one, other]);
  else await runsPage(main);
}

setTheme();
window.addEventListener("hashchange", () => void show());
void show();
