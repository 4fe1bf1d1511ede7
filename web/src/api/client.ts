/** Asking the server, or the data that a page without a server brings with it. */
import { fromSample } from "./offline";
import type { components } from "./schema";

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

export class Refused extends Error {}

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
  const token = document.querySelector<HTMLMetaElement>('meta[name="conet-token"]')?.content ?? "";
  return answer<T>(
    await asked(place, {
      method: "POST",
      headers: { "content-type": "application/json", "x-conet-token": token },
      body: JSON.stringify(body),
    }),
  );
}

async function asked(place: string, options: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(place, options);
  } catch {
    throw new Refused("The server does not answer. Is `conet serve` still running?");
  }
}

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  let text = `${response.status} ${response.statusText}`;
  try {
    const failure = (await response.json()) as { got?: string; expected?: string; remedy?: string; detail?: unknown };
    if (failure.got)
      text = [`Got ${failure.got}`, failure.expected && `expected ${failure.expected}`, failure.remedy].filter(Boolean).join("; ");
  } catch {
    // the body is no JSON: the status has to do
  }
  throw new Refused(text);
}
