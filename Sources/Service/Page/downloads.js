// The menu of a finished song's files.

import { colourOf } from "./colours.js";
import { element, icon } from "./dom.js";
import { bytes } from "./format.js";

/** The formats of a service; another back end names its own in the job. */
const serviceFormats = ["wav", "flac", "mp3"];

/** `save(path, file)` downloads; `mixPath(format)` is the address of the mix with the present settings. */
export function downloadMenu({ job, name, mixPath, save }) {
  const base = `v1/separations/${job.id}`;
  const stems = job.stems.map((stem, index) => {
    const chip = element("span", { className: "chip" });
    chip.style.setProperty("--stem", colourOf(stem.name, index));
    const ending = stem.url.split(".").pop();
    return entry(() => save(stem.url, `${name} - ${stem.name}.${ending}`), chip, stem.name, `${ending}, ${bytes(stem.bytes)}`);
  });
  const mixes = (job.formats ?? serviceFormats).map((format) =>
    element("button", { type: "button", className: "plain", textContent: format.toUpperCase(), "aria-label": `Download the mix as ${format.toUpperCase()}`, onclick: () => save(mixPath(format), `${name} - mix.${format}`) }));
  const menu = element("details", { className: "menu" },
    element("summary", { className: "plain" }, icon("save"), element("span", { textContent: "Download" })),
    element("div", { className: "sheet" },
      element("h2", { textContent: "The mix as you hear it" }),
      element("div", { className: "choices" }, ...mixes),
      element("h2", { textContent: "Single stems" }),
      ...stems,
      entry(() => save(`${base}/stems.zip`, `${name}.zip`), icon("zip"), "All stems", `zip, ${bytes(job.stems.reduce((sum, stem) => sum + stem.bytes, 0))}`)));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstChild.focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  return menu;
}

function entry(onclick, picture, label, facts) {
  return element("button", { type: "button", className: "entry", onclick }, picture,
    element("span", { textContent: label }), element("span", { className: "facts", textContent: facts }));
}
