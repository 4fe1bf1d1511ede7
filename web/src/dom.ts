/** Making elements. Children that are strings become text nodes: text from runs is only ever text. */

type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, attributes);
  add(element, children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  set(element, attributes);
  add(element, children);
  return element;
}

function set(element: Element, attributes: Record<string, Value>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
}

function add(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

/** Put an element in the place of another, with the focus where it was; not while the pointer is pressed there. */
export function swap(before: Element, after: Element): void {
  if (before.querySelector(":active")) return;
  const places = (element: Element) => [...element.querySelectorAll<HTMLElement | SVGElement>("a, button, summary, [tabindex]")];
  const at = places(before).findIndex((one) => one === document.activeElement);
  const itself = before === document.activeElement;
  before.replaceWith(after);
  if (itself && after instanceof HTMLElement) after.focus({ preventScroll: true });
  else if (at >= 0) places(after)[at]?.focus({ preventScroll: true });
}

export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  add(element, children);
}
