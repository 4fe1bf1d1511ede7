/** Colours that are told apart by people who are colour-blind, on light and dark ground. */

/** From dark blue over green to yellow (the values of viridis at ninths), evenly in lightness. */
const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"].map(parts);

function parts(hex: string): [number, number, number] {
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16)) as [number, number, number];
}

export function heat(share: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const [low, high] = [VIRIDIS[Math.floor(place)]!, VIRIDIS[Math.ceil(place)]!];
  return low.map((value, channel) => Math.round(value + (high[channel]! - value) * (place % 1))) as [number, number, number];
}

/** Of islands: Okabe and Ito's, shifted so that each has a contrast of 3 to 1 on both grounds. */
const ISLANDS = ["#0a7ac0", "#c8701a", "#11906c", "#b85c94", "#8a7b12", "#7268c9", "#c2504b", "#4c8a97", "#6f8f2f", "#9a6b4f"];

export function island(number: number): string {
  return number < 0 ? "#8a8a8a" : ISLANDS[number % ISLANDS.length]!;
}
