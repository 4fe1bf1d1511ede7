/**
 * Following a run, as long as its page is seen: while it trains new steps come in as server-sent events, otherwise its
 * row is looked at now and then, since it may go on, be deleted, or another may take its place. A browser has six
 * connections to a server, and a stream holds one: so only a few windows have one, and the others ask.
 */
import { address, get, type Overview, Refused, type RunRow, type Spark } from "../api/client";
import { once, pause, seen } from "../api/pace";
import { answers } from "../api/server";

const LOOK = 5000; // milliseconds between two looks at a run that does not train
const ASK = 2000; // milliseconds between two questions of a window without a stream
const STREAMS = 3; // windows that have one

export interface Now {
  state: Overview["run"]["state"] | "gone";
  /** Another where another run has taken its place; empty where it is not known. */
  identity: string;
  changed: number;
  spark: Spark | null;
  why: string;
}

/** Tell what becomes of a run until its page is left. */
export async function follow(run: RunRow, leaving: AbortSignal, heard: (now: Now) => void): Promise<void> {
  let state: Now["state"] = run.state;
  const tell = (now: Now) => {
    if (leaving.aborted) return;
    state = now.state;
    heard(now);
  };
  while (!leaving.aborted) {
    await seen(leaving);
    if (!answers()) await once(window, "conet-back", leaving);
    else if (state === "training" && (await streamed(run.name, leaving, tell))) continue;
    else await pause(state === "training" ? ASK : LOOK, leaving);
    if (leaving.aborted || document.hidden || !answers()) continue;
    const now = await look(run.name);
    if (now) tell(now);
  }
}

/** Ask what the run is now; null where that is not known. */
async function look(name: string): Promise<Now | null> {
  try {
    const { state, identity, changed, why } = await get<RunRow>(address("runs", name, "row"));
    const spark = state === "training" ? await get<Spark>(address("runs", name, "spark")) : null;
    return { state, identity, changed, spark, why };
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) return null;
    return { state: "gone", identity: "", changed: 0, spark: null, why: "" };
  }
}

/** Listen to a stream, where there is one to be had, until it ends; whether there was one that was not broken off. */
async function streamed(name: string, leaving: AbortSignal, tell: (now: Now) => void): Promise<boolean> {
  if (!navigator.locks) return false; // a page of another machine, without encryption
  for (let one = 0; one < STREAMS; one++) {
    const whole = await navigator.locks.request(`conet-stream-${one}`, { ifAvailable: true }, (lock) => (lock ? listen(name, leaving, tell) : null));
    if (whole !== null) return whole;
  }
  return false;
}

function listen(name: string, leaving: AbortSignal, tell: (now: Now) => void): Promise<boolean> {
  return new Promise((resolve) => {
    if (leaving.aborted || document.hidden) return resolve(true);
    const source = new EventSource(address("runs", name, "stream"));
    const ended = new AbortController();
    const end = (whole: boolean) => {
      source.close();
      ended.abort();
      resolve(whole);
    };
    for (const [target, event] of [[leaving, "abort"], [document, "visibilitychange"]] as const)
      target.addEventListener(event, () => end(true), { signal: ended.signal });
    source.addEventListener("error", () => end(false));
    for (const state of ["training", "finished", "killed", "log", "unreadable", "gone"] as const)
      source.addEventListener(state, (message: MessageEvent<string>) => {
        const data = JSON.parse(message.data) as Partial<Spark> & { got?: string };
        const spark = "values" in data ? (data as Spark) : null;
        if (state !== "training") end(true);
        tell({ state, identity: message.lastEventId, changed: 0, spark, why: data.got ?? "" });
      });
  });
}
