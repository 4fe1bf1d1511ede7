/** What went wrong, in words. */
import { h } from "../dom";

export function failure(error: unknown): HTMLElement {
  return h("p", { class: "failure", role: "alert" }, error instanceof Error ? error.message : String(error));
}

export function waiting(text: string): HTMLElement {
  return h("p", { class: "waiting", role: "status" }, text);
}
