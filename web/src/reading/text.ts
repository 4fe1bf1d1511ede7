/** A text from a run: only ever text. Mathematics is set by KaTeX, code is told apart by colour. */
import katex from "katex";
import "katex/dist/katex.min.css";
import { h } from "../dom";
import { visible } from "../text";

interface Part {
  kind: "text" | "math" | "display" | "code";
  text: string;
}

/** Between these signs stands mathematics; a single $ only where it hugs what it holds, as prices do not. Bounded: unclosed ones may be repeated without end. */
const SPLIT = /```[^\n]*\n[\s\S]*?(?:```|$)|\$\$[\s\S]{1,2000}?\$\$|\\\[[\s\S]{1,2000}?\\\]|\\\([\s\S]{1,2000}?\\\)|\$(?!\s)[^$\n]{1,400}?(?<!\s)\$(?!\d)|\$ [^$\n]{1,200}? \$|\\boxed\{(?:[^{}]|\{[^{}]*\})+\}/g;

const MOST = 500; // formulas and pieces of code of a text: what follows on them stays as it was written (our choice)

export function parts(text: string): Part[] {
  const found: Part[] = [];
  let [end, special] = [0, 0];
  for (const match of text.matchAll(SPLIT)) {
    if (++special > MOST) break;
    if (match.index > end) found.push({ kind: "text", text: text.slice(end, match.index) });
    found.push(inner(match[0]));
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ kind: "text", text: text.slice(end) });
  return found;
}

function inner(whole: string): Part {
  if (whole.startsWith("```")) return { kind: "code", text: whole.replace(/^```[^\n]*\n/, "").replace(/```$/, "") };
  if (whole.startsWith("$$") || whole.startsWith("\\[")) return { kind: "display", text: whole.slice(2, -2) };
  if (whole.startsWith("\\(")) return { kind: "math", text: whole.slice(2, -2) };
  if (whole.startsWith("$")) return { kind: "math", text: whole.slice(1, -1) };
  return { kind: "math", text: whole };
}

const LONG = 20_000; // characters, beyond which a text is scrolled in a box: what follows is found (our choice)

export function rendered(text: string, mark: string): HTMLElement {
  const long = text.length > LONG;
  const box = h("div", { class: long ? "text long" : "text", tabindex: long ? 0 : null });
  const all = parts(text);
  const block = (part: Part | undefined) => part?.kind === "display" || part?.kind === "code";
  for (const [place, part] of all.entries()) {
    if (part.kind === "text") {
      let shown = part.text;
      if (block(all[place - 1])) shown = shown.replace(/^\n+/, "");
      if (block(all[place + 1])) shown = shown.replace(/\n+$/, "");
      box.append(...marked(shown, mark));
    }
    else if (part.kind === "code") box.append(h("pre", {}, code(part.text)));
    else box.append(mathematics(part.text, part.kind === "display"));
  }
  return box;
}

/** `trust` is off: no link, no picture, no style from a text; and what never ends is cut off. */
function mathematics(text: string, display: boolean): HTMLElement {
  const box = h("span", { class: display ? "display" : "inline" });
  try {
    katex.render(visible(text), box, { displayMode: display, throwOnError: true, trust: false, strict: "ignore", maxExpand: 200, maxSize: 10, output: "htmlAndMathml" });
  } catch {
    box.textContent = visible(text);
  }
  return box;
}

function marked(text: string, mark: string): Node[] {
  const shown = visible(text);
  if (!mark) return [document.createTextNode(shown)];
  const nodes: Node[] = [];
  let end = 0;
  // Capitals aside, but in the text as it is: that in small letters may be longer, as of "İ".
  for (const match of shown.matchAll(new RegExp(mark.replace(/[$()*+.?[\\\]^{|}/]/g, "\\$&"), "giu"))) {
    nodes.push(document.createTextNode(shown.slice(end, match.index)), h("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(shown.slice(end)));
  return nodes;
}

const TOKENS =
  /(?<comment>#[^\n]*|\/\/[^\n]*)|(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<number>\b\d[\d._]*\b)|(?<word>\b(?:def|class|return|import|from|for|while|if|elif|else|in|not|and|or|print|lambda|with|as|try|except|function|const|let|var|int|float|void|true|false|None|True|False)\b)/g;

export function code(text: string): HTMLElement {
  const box = h("code", {});
  const shown = visible(text);
  let end = 0;
  for (const match of shown.matchAll(TOKENS)) {
    const kind = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined)?.[0] ?? "";
    box.append(shown.slice(end, match.index), h("span", { class: `code-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  box.append(shown.slice(end));
  return box;
}
