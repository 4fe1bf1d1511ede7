/** What surrounds every page: its name, the way back, the theme. */
import { offline } from "../api/client";
import { h } from "../dom";

const THEMES = ["system", "light", "dark"] as const;

export function shell(trail: [string, string | null][], main: HTMLElement): HTMLElement {
  const way = h("nav", { "aria-label": "way back" }, h("ol", { class: "trail" }, ...trail.map(([name, href]) => h("li", {}, href ? h("a", { href }, name) : h("span", { "aria-current": "page" }, name)))));
  return h(
    "div",
    { class: "shell" },
    h("a", { class: "skip", href: "#main", onclick: (event: Event) => skip(event, main) }, "to the content"),
    h("header", { class: "top" }, way, offline ? h("span", { class: "badge" }, "saved page") : null, themeButton()),
    main,
  );
}

function skip(event: Event, main: HTMLElement): void {
  event.preventDefault();
  main.focus();
}

function themeButton(): HTMLElement {
  const button = h("button", { type: "button", class: "theme" });
  const show = () => (button.textContent = `theme: ${theme()}`);
  button.addEventListener("click", () => {
    setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]!);
    show();
  });
  show();
  return button;
}

function theme(): (typeof THEMES)[number] {
  return THEMES.find((one) => one === stored()) ?? "system";
}

function stored(): string | null {
  try {
    return localStorage.getItem("conet-theme");
  } catch {
    return null; // a page from a file may have no storage
  }
}

export function setTheme(name: string = theme()): void {
  if (name === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = name;
  try {
    localStorage.setItem("conet-theme", name);
  } catch {
    // then it is the system's again next time
  }
  window.dispatchEvent(new Event("conet-theme"));
}
