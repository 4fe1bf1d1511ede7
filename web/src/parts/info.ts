/** A definition: shown while the pointer or the focus is on its sign, and read out with it. */
import { h } from "../dom";

let made = 0;

export function info(text: string): HTMLElement | null {
  if (!text) return null;
  const id = `definition-${++made}`;
  return h(
    "span",
    { class: "info" },
    h("button", { type: "button", "aria-label": "definition", "aria-describedby": id }, "?"),
    h("span", { role: "tooltip", id }, text),
  );
}
