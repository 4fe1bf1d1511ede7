/** Waiting: for some time, and for the page to be seen. Nothing is asked for by a page that is hidden. */

/** Wait; at an end at once where the page is left. */
export function pause(milliseconds: number, leaving?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (leaving?.aborted) return resolve();
    const done = () => {
      window.clearTimeout(timer);
      leaving?.removeEventListener("abort", done);
      resolve();
    };
    const timer = window.setTimeout(done, milliseconds);
    leaving?.addEventListener("abort", done);
  });
}

/** Wait until the page is seen, or left. */
export async function seen(leaving?: AbortSignal): Promise<void> {
  while (document.hidden && !leaving?.aborted) await once(document, "visibilitychange", leaving);
}

/** Wait for an event, or until the page is left. */
export function once(target: EventTarget, name: string, leaving?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (leaving?.aborted) return resolve();
    const done = () => {
      target.removeEventListener(name, done);
      leaving?.removeEventListener("abort", done);
      resolve();
    };
    target.addEventListener(name, done);
    leaving?.addEventListener("abort", done);
  });
}
