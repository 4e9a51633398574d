// The stems' colours: Okabe and Ito's set, told apart with any colour vision. Nothing else on the page
// has a colour.

const known = {
  drums: "#009e73",
  bass: "#d55e00",
  other: "#cc79a7",
  vocals: "#56b4e9",
  guitar: "#e69f00",
  piano: "#0072b2",
};
const spare = Object.values(known);

/** The colour of a stem; a name of a user's own mix takes one by its place. */
export function colourOf(name, index) {
  return known[name] ?? known[name.replace(/^no_/, "")] ?? spare[index % spare.length];
}
