/** What the address holds: a link restores the view. `#/run/NAME/web?step=80&from=0&to=200` */

export interface Place {
  path: string[];
  query: Map<string, string>;
}

export function read(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter(Boolean).map(decoded),
    query: new Map(new URLSearchParams(query)),
  };
}

/** An event of the window: the page of the address is to be shown anew, since what it was of is another. */
export const ANEW = "conet-anew";

export function anew(): void {
  window.dispatchEvent(new Event(ANEW));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function link(path: string[], query: Iterable<readonly [string, string]> = []): string {
  const words = new URLSearchParams([...query].map(([key, value]) => [key, value])).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${words ? `?${words}` : ""}`;
}

/** Change the address without a new entry in the history, and without a new page. */
export function remember(changes: Record<string, string | number | null>): void {
  const { path, query } = read();
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(key);
    else query.set(key, String(value));
  }
  history.replaceState(null, "", link(path, query));
}

type Listener = () => void;

/** The one time cursor and the one zoom of all charts of a page. */
export class Time {
  step: number | null;
  range: [number, number] | null;
  smoothing: number;
  private listeners = new Map<Listener, Element>();

  /** Of a page, until it is left: what it holds in the address then is another's. */
  constructor(query: Map<string, string>, readonly leaving: AbortSignal) {
    leaving.addEventListener("abort", () => window.clearTimeout(this.waiting));
    this.step = numberOf(query.get("step"));
    const [from, to] = [numberOf(query.get("from")), numberOf(query.get("to"))];
    this.range = from !== null && to !== null && to > from ? [from, to] : null;
    this.smoothing = numberOf(query.get("smooth")) ?? 1;
  }

  /** Tell every change as long as an element is part of the page: a run that trains is drawn anew again and again. */
  listen(element: Element, listener: Listener): void {
    this.listeners.set(listener, element);
  }

  to(step: number | null): void {
    this.step = step === null ? null : Math.round(step);
    this.changed();
  }

  zoom(range: [number, number] | null): void {
    this.range = range && range[1] > range[0] ? range : null;
    this.changed();
  }

  smooth(width: number): void {
    this.smoothing = width;
    this.changed();
  }

  private waiting = 0;
  private readonly home = link(read().path);

  private changed(): void {
    for (const [listener, element] of this.listeners)
      if (element.isConnected) listener();
      else this.listeners.delete(listener);
    window.clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => {
      if (link(read().path) !== this.home) return; // the address changed, and the page has not heard of it yet
      remember({
        step: this.step,
        from: this.range ? Math.round(this.range[0]) : null,
        to: this.range ? Math.round(this.range[1]) : null,
        smooth: this.smoothing > 1 ? this.smoothing : null,
      });
    }, 150);
  }
}

function numberOf(text: string | undefined): number | null {
  const value = text === undefined || text === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}
