/** Following a run while it trains: new steps come in as server-sent events. */
import { address, get, type Overview, type Spark } from "../api/client";
import { number } from "../text";

const REST = 2500; // milliseconds at least between two drawings of a run that grows
const LOOK = 5000; // milliseconds between two looks at a run that was killed

export function follow(name: string, main: HTMLElement, said: HTMLElement, state: HTMLElement, redraw: () => Promise<void>): void {
  const source = new EventSource(address("runs", name, "stream"));
  let [busy, last, ended] = [false, Date.now(), false];
  const draw = async () => {
    if (busy || (!ended && Date.now() - last < REST)) return;
    busy = true;
    const whole = ended;
    try {
      await redraw();
    } catch (error) {
      said.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      [busy, last] = [false, Date.now()];
    }
    if (ended && !whole) await draw(); // it ended while it was drawn, and no event follows on the last
  };
  const event = (kind: string) => (message: MessageEvent<string>) => {
    if (!said.isConnected || !main.isConnected) {
      source.close();
      return;
    }
    state.textContent = kind;
    state.className = `state ${kind}`;
    ended = kind !== "training";
    if (ended) source.close();
    if (kind === "gone") {
      said.textContent = "the run is no longer there";
      return;
    }
    const spark = JSON.parse(message.data) as Spark;
    said.textContent = spark.step === null ? "" : `update ${number(spark.step)}, accuracy ${number(spark.accuracy, 2)}`;
    void draw();
  };
  for (const kind of ["training", "finished", "killed", "log", "gone"]) source.addEventListener(kind, event(kind));
}

/** Look now and then, while the page is seen, whether a run that was killed trains again. */
export function awaitResumed(name: string, main: HTMLElement, resumed: () => void): void {
  const timer = window.setInterval(() => {
    if (!main.isConnected) window.clearInterval(timer);
    else if (!document.hidden) void look();
  }, LOOK);
  const look = async () => {
    const run = await get<Overview>(address("runs", name)).then((found) => found.run, () => null);
    if (!run) return; // the server does not answer: the next look may find it
    if (run.state === "killed" || !main.isConnected) return;
    window.clearInterval(timer);
    resumed();
  };
}
