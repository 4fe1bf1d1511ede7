/** Saving a view as a file: the reports' drawing from the server, or the page's own where there is none. */
import { address, offline } from "../api/client";
import { h } from "../dom";

export function saveLinks(run: string, view: string, element: () => Element | null): HTMLElement {
  if (!offline)
    return h(
      "span",
      { class: "save" },
      ...["svg", "png"].map((suffix) =>
        h("a", { href: `${address("runs", run, "figures", view)}?suffix=${suffix}`, download: `${run}-${view}.${suffix}`, "aria-label": `save ${view} as ${suffix}` }, suffix.toUpperCase()),
      ),
    );
  const button = h("button", { type: "button", class: "link", onclick: () => saveDrawing(element(), `${run}-${view}`) }, "SVG");
  return h("span", { class: "save" }, button);
}

/** Save the first drawing inside an element as an SVG that needs no style sheet. */
export function saveDrawing(element: Element | null, name: string): void {
  const svg = element?.querySelector("svg.chart");
  if (!(svg instanceof SVGSVGElement)) return;
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [from, to] = [svg.querySelectorAll("*"), copy.querySelectorAll("*")];
  from.forEach((original, place) => {
    const style = getComputedStyle(original);
    const target = to[place] as SVGElement;
    for (const property of ["fill", "stroke", "stroke-width", "stroke-linecap", "stroke-dasharray", "opacity", "fill-opacity", "font-size", "font-family"])
      target.setAttribute(property, style.getPropertyValue(property));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  download(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }), `${name}.svg`);
}

export function download(data: Blob, name: string): void {
  const place = URL.createObjectURL(data);
  h("a", { href: place, download: name }).click();
  window.setTimeout(() => URL.revokeObjectURL(place), 10_000);
}
