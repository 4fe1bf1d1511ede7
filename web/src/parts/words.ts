/** A sentence of the command line: what stands between backticks there is code here. */
import { h } from "../dom";

export function words(text: string): (Node | string)[] {
  return text.split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part));
}
