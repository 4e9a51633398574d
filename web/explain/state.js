// The page's state in its address, so that it can be linked: #start=8&block=encoder.1&edit=encoder.1=zero

/** `{ model, start, block, step, at, trail, edits, segment, overlap, puzzle, isEmbedded }` of an address's fragment. Code is never in it. */
export function readState(fragment = location.hash) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  const number = (name) => (fields.has(name) && Number.isFinite(Number(fields.get(name))) ? Number(fields.get(name)) : null);
  return {
    // A name: a link loads no model from an address.
    model: fields.get("model")?.match(/^[\w.-]+$/)?.[0] ?? "demo",
    start: Math.max(0, number("start") ?? 16),
    block: fields.get("block"),
    step: number("step"),
    at: placeOf(fields.get("at")),
    trail: fields.getAll("from").map((part) => part.split(":")).map(([block, step, at]) => ({ block, step: Number(step), at: placeOf(at) })),
    edits: fields.getAll("edit"),
    segment: number("segment"),
    overlap: number("overlap"),
    puzzle: fields.get("puzzle"),
    isEmbedded: fields.has("embed"),
  };
}

const placeOf = (text) => text?.split(",").map(Number).filter(Number.isInteger) ?? null;

/** The fragment of an address that opens a state. */
export function fragmentOf({ model, start, block, step, at, trail, edits, segment, overlap, puzzle, isEmbedded }) {
  const fields = [];
  // A file of the reader's can't be linked.
  if (typeof model === "string" && model !== "demo") fields.push(["model", model]);
  fields.push(["start", String(Number(start.toFixed(2)))]);
  if (block) fields.push(["block", block]);
  if (block && step !== null) fields.push(["step", step]);
  if (at) fields.push(["at", at.join(",")]);
  for (const part of trail) fields.push(["from", `${part.block}:${part.step}:${part.at}`]);
  for (const edit of edits) fields.push(["edit", edit]);
  if (segment !== null) fields.push(["segment", segment]);
  if (overlap !== null) fields.push(["overlap", overlap]);
  if (puzzle) fields.push(["puzzle", puzzle]);
  if (isEmbedded) fields.push(["embed", ""]);
  // Readable: only what would end a field is escaped.
  return `#${fields.map(([name, value]) => `${name}=${String(value).replace(/[%&#+\s]/g, encodeURIComponent)}`).join("&")}`;
}

/** Keeps the address in step; a link made of it opens the same state. */
export function writeState(state) {
  const fragment = fragmentOf(state);
  if (fragment !== location.hash) history.replaceState(null, "", fragment);
}
