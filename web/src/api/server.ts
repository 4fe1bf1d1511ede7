/**
 * Whether the server answers. Where it does not, the page says so, keeps what it shows, and looks until it does again:
 * then `conet-back` is sent to the window. A server that is started anew has another token, which is taken from its page.
 */
import { h } from "../dom";
import { pause, seen } from "./pace";

const LOOK = 2000; // milliseconds between two looks for it
const PATIENCE = 10_000; // milliseconds that its page may take, which is read from memory

let bar: HTMLElement | null = null;

/** Whether the last thing that was asked for was answered. */
export function answers(): boolean {
  return bar === null;
}

/** Take note that it does not answer. */
export function lost(): void {
  if (bar) return;
  const at = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  bar = h("div", { class: "failure lost", role: "alert" }, `The server no longer answers (since ${at}). What is shown here is what was known then; it goes on by itself as soon as conet serve runs again at this address.`);
  document.body.prepend(bar);
  document.querySelectorAll(".state.training").forEach((state) => (state.textContent = "was training"));
  void lookFor();
}

async function lookFor(): Promise<void> {
  for (;;) {
    await pause(LOOK);
    await seen();
    const why = await renewToken().catch(() => "");
    if (why === null) break;
    if (why && bar) bar.textContent = why;
  }
  bar?.remove();
  bar = null;
  window.dispatchEvent(new Event("conet-back"));
}

/** Ask for the page, and keep the token in it; null, or why the server refuses to show it. */
export async function renewToken(): Promise<string | null> {
  const answer = await fetch("./", { signal: AbortSignal.timeout(PATIENCE) });
  const text = await answer.text();
  const token = /name="conet-token" content="([^"]*)"/.exec(text)?.[1];
  if (!answer.ok || token === undefined) return answer.status === 401 ? text.trim() : "";
  document.querySelector<HTMLMetaElement>('meta[name="conet-token"]')?.setAttribute("content", token);
  return null;
}
