/** Following a run while it trains: new steps come in as server-sent events. */
import { address, type Spark } from "../api/client";
import { number } from "../text";

const REST = 2500; // milliseconds at least between two drawings of a run that grows

export function follow(name: string, main: HTMLElement, said: HTMLElement, state: HTMLElement, redraw: () => Promise<void>): void {
  const source = new EventSource(address("runs", name, "stream"));
  let [busy, last, ended] = [false, Date.now(), false];
  const draw = async () => {
    if (busy || (!ended && Date.now() - last < REST)) return;
    busy = true;
    try {
      await redraw();
    } finally {
      [busy, last] = [false, Date.now()];
    }
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
