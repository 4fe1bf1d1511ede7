/** Saving a view as a file: the reports' drawing from the server, or what stands on the page. */
import { address, offline } from "../api/client";
import { h } from "../dom";
import { file, pictureOf, pixels, type Stand } from "./picture";

/** The ways to a view as the reports draw it; where there is no server, as it stands here. */
export function saveLinks(run: string, view: string, element: () => Element | null): HTMLElement {
  if (offline) return saveButtons(() => `${run}-${view}`, element);
  return h(
    "span",
    { class: "save" },
    ...["svg", "png"].map((suffix) =>
      h("a", { href: `${address("runs", run, "figures", view)}?suffix=${suffix}`, download: `${run}-${view}.${suffix}`, "aria-label": `save ${view} as ${suffix}` }, suffix.toUpperCase()),
    ),
  );
}

/** Buttons that save a part of the page as it stands. */
export function saveButtons(name: () => string, element: () => Element | null, stand?: Stand): HTMLElement {
  const save = async (suffix: "svg" | "png") => {
    const found = element();
    if (!found) return;
    const picture = pictureOf(found, stand);
    download(suffix === "svg" ? file(picture) : await pixels(picture), `${name()}.${suffix}`);
  };
  const button = (suffix: "svg" | "png") => h("button", { type: "button", class: "link", "aria-label": `save as ${suffix}`, onclick: () => void save(suffix) }, suffix.toUpperCase());
  return h("span", { class: "save" }, button("svg"), button("png"));
}

export function download(data: Blob, name: string): void {
  const place = URL.createObjectURL(data);
  h("a", { href: place, download: name }).click();
  window.setTimeout(() => URL.revokeObjectURL(place), 10_000);
}
