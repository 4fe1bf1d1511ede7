/** What the page of a run shows of what is heard of it: its state, its newest update, and what has come to its tab. */
import type { Overview } from "../api/client";
import { h, replace } from "../dom";
import { anew } from "../state";
import { number } from "../text";
import type { Now } from "./live";

const REST = 2500; // milliseconds at least between two drawings of a run that grows
const RESTS = 1; // times as long as a drawing took, at least, until the next

interface Parts {
  main: HTMLElement;
  state: HTMLElement;
  live: HTMLElement;
  steering: HTMLElement | null;
}

export function heard({ run }: Overview, parts: Parts, leaving: AbortSignal, redraw: () => Promise<void>): (now: Now) => void {
  const { state, live, steering } = parts;
  let before: Now["state"] = run.state;
  let [last, waiting] = ["", 0];
  let [busy, next, again] = [false, Date.now() + REST, false];
  window.addEventListener("conet-back", () => broken(parts.main) && anew(), { signal: leaving });

  async function draw(): Promise<void> {
    if (busy) return void (again = true); // nothing follows on the last event of a run
    window.clearTimeout(waiting);
    if (before === "training" && Date.now() < next) {
      waiting = window.setTimeout(() => void (leaving.aborted || draw()), next - Date.now()); // the last update before a pause
      return;
    }
    busy = true;
    again = false;
    const began = Date.now();
    try {
      await redraw();
    } catch (error) {
      live.textContent = error instanceof Error ? error.message : String(error);
    }
    busy = false;
    next = Date.now() + Math.max(REST, RESTS * (Date.now() - began));
    if (again && before !== "training") await draw();
  }

  return (now) => {
    const another = now.identity !== "" && now.identity !== run.identity;
    if (another || (now.state !== before && (now.state === "training" || before === "gone" || before === "unreadable"))) return anew();
    const changed = now.state !== before;
    const progress = JSON.stringify(now.spark);
    const more = progress !== last;
    last = progress;
    before = now.state;
    state.textContent = now.state;
    state.className = `state ${now.state}`;
    if (changed) steering?.remove();
    if (now.state === "gone") live.textContent = "The run is no longer there. What was read of it is still shown.";
    else if (now.state === "unreadable") live.textContent = now.why;
    else if (now.state === "log") grown(now);
    else if (now.spark?.step != null) {
      live.textContent = `update ${number(now.spark.step)}, accuracy ${number(now.spark.accuracy, 2)}`;
      if (now.state === "killed") live.append("; ", h("code", {}, "conet resume"), " goes on with it");
    }
    if ((now.state === "training" && more) || (changed && before !== "gone" && before !== "unreadable")) void draw();
  };

  /** A log does not say whether it still grows: what is read is not pulled away from under the reader. */
  function grown(now: Now): void {
    if (now.changed <= run.changed || live.childElementCount) return;
    replace(live, "The log has changed. ", h("button", { type: "button", onclick: anew }, "read it again"));
  }
}

/** Whether a part of the page could not be read. */
function broken(main: HTMLElement): boolean {
  return main.querySelector(".tab .failure") !== null;
}
