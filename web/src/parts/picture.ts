/**
 * A part of the page as a picture that needs no style sheet: its drawings as they are, canvases as images, and every
 * word where it stands. Buttons and what is only heard are left out.
 */
import { s } from "../dom";

const LOOKS = ["fill", "stroke", "stroke-width", "stroke-linecap", "stroke-dasharray", "stroke-linejoin", "opacity", "fill-opacity", "font-size", "font-family", "font-weight", "display"];
const SKIPPED = "label, .hint, button, select, input, .save, [role=tooltip], .heat-brush, script";
const MARGIN = 12; // around it

/** What stands for an element that cannot be copied, such as a drawing on the GPU. */
export type Stand = (element: Element) => SVGElement | null;

export function pictureOf(element: Element, stand: Stand = () => null): SVGSVGElement {
  const frame = element.getBoundingClientRect();
  const [wide, tall] = [frame.width + 2 * MARGIN, frame.height + 2 * MARGIN];
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--ground").trim() || "#ffffff";
  const picture = s("svg", { xmlns: "http://www.w3.org/2000/svg", width: wide, height: tall, viewBox: `0 0 ${wide} ${tall}` }, s("rect", { width: wide, height: tall, fill: ground }));
  const at = (box: DOMRect) => ({ x: box.left - frame.left + MARGIN, y: box.top - frame.top + MARGIN, width: box.width, height: box.height });
  const walk = (node: Node): void => {
    if (node instanceof Text) picture.append(...words(node, at));
    if (!(node instanceof Element) || node.matches(SKIPPED)) return;
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const instead = stand(node);
    if (instead) picture.append(s("svg", { ...at(box), overflow: "hidden" }, instead));
    else if (node instanceof SVGSVGElement) picture.append(drawing(node, at(box)));
    else if (node instanceof HTMLCanvasElement) picture.append(s("image", { ...at(box), href: node.toDataURL(), preserveAspectRatio: "none", "image-rendering": "pixelated" }));
    else if (node.matches(".heat-ramp")) picture.append(...ramp(node, at(box)));
    else node.childNodes.forEach(walk);
  };
  element.childNodes.forEach(walk);
  return picture;
}

type Place = { x: number; y: number; width: number; height: number };

function drawing(svg: SVGSVGElement, place: Place): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [from, to] = [svg.querySelectorAll("*"), copy.querySelectorAll("*")];
  from.forEach((original, which) => {
    const [style, target] = [getComputedStyle(original), to[which] as SVGElement];
    for (const look of LOOKS) target.setAttribute(look, style.getPropertyValue(look));
  });
  for (const [name, value] of Object.entries(place)) copy.setAttribute(name, String(value));
  copy.removeAttribute("style");
  return copy;
}

/** The words of a text, line by line as they are broken here. */
function words(text: Text, at: (box: DOMRect) => Place): SVGElement[] {
  const parent = text.parentElement;
  if (!parent || !text.data.trim()) return [];
  const style = getComputedStyle(parent);
  const lines: { box: DOMRect; text: string }[] = [];
  for (const word of text.data.matchAll(/\S+/g)) {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    const box = range.getBoundingClientRect();
    const line = lines.at(-1);
    if (line && Math.abs(line.box.top - box.top) < 2) line.text += ` ${word[0]}`;
    else lines.push({ box, text: word[0] });
  }
  const size = parseFloat(style.fontSize);
  const look = { fill: style.color, "font-size": style.fontSize, "font-family": style.fontFamily, "font-weight": style.fontWeight };
  return lines.map((line) => s("text", { ...look, x: at(line.box).x, y: at(line.box).y + line.box.height / 2 + 0.35 * size }, line.text));
}

function ramp(element: Element, place: Place): SVGElement[] {
  const colours = getComputedStyle(element).backgroundImage.match(/rgb\([^)]*\)/g) ?? [];
  const wide = place.width / Math.max(1, colours.length);
  return colours.map((colour, which) => s("rect", { ...place, x: place.x + which * wide, width: wide + 0.5, fill: colour }));
}

/** A picture as a file of pixels, twice as many as on the screen. */
export async function pixels(picture: SVGSVGElement): Promise<Blob> {
  const image = new Image();
  const place = URL.createObjectURL(file(picture));
  image.src = place;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * Number(picture.getAttribute("width")), 2 * Number(picture.getAttribute("height"))];
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(place);
  return new Promise((resolve, reject) => canvas.toBlob((data) => (data ? resolve(data) : reject(new Error("The browser gives no picture."))), "image/png"));
}

export function file(picture: SVGSVGElement): Blob {
  return new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" });
}
