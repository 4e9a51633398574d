// The stems' colours, from Okabe and Ito's palette for colour-blind people. Nothing else on the
// page has a colour.

import { residualName } from "./presets.js";

const known = {
  drums: "#009e73",
  bass: "#d55e00",
  other: "#cc79a7",
  vocals: "#56b4e9",
  guitar: "#e69f00",
  piano: "#0072b2",
};
const spare = Object.values(known);
/** What the stems leave out has no colour. */
const neutral = "#8a8a85";

/** The colour of a stem; a mix named by the user gets one by its position. */
export function colourOf(name, index) {
  if (name === residualName) return neutral;
  return known[name] ?? known[name.replace(/^(no|minus)_/, "")] ?? spare[index % spare.length];
}
