/** A sentence of the command line: what stands between backticks there is code here. */
import { h } from "../dom";
import { visible } from "../text";

export function words(text: string): (Node | string)[] {
  return visible(text).split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part));
}
