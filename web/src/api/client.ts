/** Asking the server, or the data that a page without a server brings with it. */
import { fromSample } from "./offline";
import type { components } from "./schema";
import { lost, renewToken } from "./server";

export type Schemas = components["schemas"];
export type RunRow = Schemas["RunRow"];
export type Overview = Schemas["Overview"];
export type View = Schemas["View"];
export type Panel = NonNullable<View["panels"]>[number];
export type Lines = Schemas["Lines"];
export type HeatMap = Schemas["HeatMap"];
export type Series = Schemas["Series"];
export type Headlines = Schemas["Headlines"];
export type Spark = Schemas["Spark"];

/** What the server refuses, with its status; 0 where it does not answer at all. */
export class Refused extends Error {
  constructor(message: string, readonly status = 0) {
    super(message);
  }
}

const embedded = ((): Record<string, unknown> | null => {
  const element = document.getElementById("conet-data");
  return element ? (JSON.parse(element.textContent ?? "{}") as Record<string, unknown>) : null;
})();

export const offline = embedded !== null;

export function address(...parts: string[]): string {
  return `api/${parts.map(encodeURIComponent).join("/")}`;
}

export async function get<T>(place: string): Promise<T> {
  if (embedded) {
    const found = embedded[place] ?? fromSample(embedded, place);
    if (found !== undefined) return found as T;
    throw new Refused("This page was saved without that.");
  }
  return answer<T>(await asked(place));
}

export async function post<T>(place: string, body: unknown): Promise<T> {
  const send = () => {
    const token = document.querySelector<HTMLMetaElement>('meta[name="conet-token"]')?.content ?? "";
    const headers = { "content-type": "application/json", "x-conet-token": token };
    return asked(place, { method: "POST", headers, body: JSON.stringify(body) });
  };
  let response = await send();
  if (response.status === 403 && (await renewToken().catch(() => "")) === null) response = await send(); // of a server begun anew
  return answer<T>(response);
}

async function asked(place: string, options: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(place, options);
  } catch {
    if (!leaves) lost();
    throw new Refused("The server does not answer. Is `conet serve` still running?");
  }
}

let leaves = false; // a page that is closed or reloaded breaks off what it has asked for
window.addEventListener("pagehide", () => (leaves = true));
window.addEventListener("pageshow", () => (leaves = false));

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  const body = await response.text();
  let text = body.length < 200 && response.headers.get("content-type")?.startsWith("text/plain") ? body.trim() : `${response.status} ${response.statusText}`;
  try {
    const failure = JSON.parse(body) as { got?: string; expected?: string; remedy?: string; detail?: unknown };
    if (failure.got)
      text = [`Got ${failure.got}`, failure.expected && `expected ${failure.expected}`, failure.remedy].filter(Boolean).join("; ");
  } catch {
    // the body is no JSON: the status has to do
  }
  throw new Refused(text, response.status);
}
