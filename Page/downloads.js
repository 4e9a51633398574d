// The menu of a finished song's files: the mix, single stems, all stems, in any format, whole or as the loop.

import { colourOf } from "./colours.js";
import { announce, element, icon, setText } from "./dom.js";
import { bytes } from "./format.js";
import { failureWords } from "./words.js";

export class DownloadMenu {
  #status = element("p", { className: "facts" });
  #fill = element("span", { className: "fill" });
  #bar = element("div", { className: "progress-row", hidden: true }, element("div", {}, this.#fill));

  constructor(job, exports) {
    this.exports = exports;
    const upper = (format) => format.toUpperCase();
    const mixes = exports.formats.map((format) =>
      element("button", { type: "button", className: "plain", textContent: upper(format), "aria-label": `Download the mix as ${upper(format)}`, onclick: () => this.save(exports.mix(format)) }));
    const format = element("select", { "aria-label": "Format of the stems", onchange: () => { exports.format = format.value; } },
      ...exports.formats.map((name) => element("option", { value: name, textContent: upper(name) })));
    format.value = exports.format;
    // What is heard is saved, unless one of these is unticked.
    this.loop = check("Loop only", (isOn) => { exports.isWhole = !isOn; }, true);
    this.tuning = check("", (isOn) => { exports.isUntuned = !isOn; }, true);
    this.clicks = check("", (isOn) => { exports.isWithoutClicks = !isOn; }, true);
    this.tags = check("Tempo and key in the names", (isOn) => { exports.isTagged = isOn; });
    const stems = job.stems.map((stem, index) => {
      const chip = element("span", { className: "chip" });
      chip.style.setProperty("--stem", colourOf(stem.name, index));
      return entry(() => this.save(exports.stem(stem)), chip, stem.name, bytes(stem.bytes));
    });
    this.zip = entry(() => this.save(exports.zip()), icon("zip"), "All stems", "zip");
    this.root = element("details", { className: "menu", ontoggle: () => this.#open() },
      element("summary", { className: "plain" }, icon("save"), element("span", { textContent: "Download" })),
      // A press on its words leaves the focus in it, and so the sheet open.
      element("div", { className: "sheet", tabIndex: -1 },
        element("h2", { textContent: "The mix as you hear it" }),
        element("div", { className: "choices" }, ...mixes),
        element("div", { className: "sheet-head" }, element("h2", { textContent: "Stems" }), exports.formats.length > 1 ? format : null),
        ...stems,
        this.zip,
        this.loop, this.tuning, this.clicks, this.tags, this.#bar, this.#status));
    this.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.root.open) return;
      this.root.open = false;
      this.root.firstChild.focus();
    });
    this.root.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.root.contains(event.relatedTarget)) this.root.open = false;
    });
  }

  /** Saves a file and shows how far it is. */
  async save(file) {
    this.#say(`Preparing ${file.name}`, 0);
    try {
      const isSaved = await this.exports.save(file, (received, total) => this.#say(`Saving ${file.name}, ${bytes(received)}${total ? ` of ${bytes(total)}` : ""}`, total ? received / total : 0));
      this.#say(isSaved ? `${file.name} is saved` : `The browser saves ${file.name}`, 1);
      announce(this.#status.textContent);
    } catch (error) {
      this.#say(failureWords(error), 1);
      announce(failureWords(error));
    }
  }

  /** Offers what can be chosen now. */
  #open() {
    const { exports } = this;
    this.loop.hidden = exports.song.loop.edges === null;
    this.tuning.hidden = exports.tuningWords === null;
    setText(this.tuning.lastChild, `At ${exports.tuningWords} semitones`);
    this.clicks.hidden = exports.clickWords === null;
    setText(this.clicks.lastChild, `The mix with ${exports.clickWords}`);
    this.tags.hidden = exports.music === null;
    setText(this.zip.lastChild, exports.tuningWords ? "zip, own speed" : "zip");
  }

  #say(sentence, fraction) {
    setText(this.#status, sentence);
    this.#bar.hidden = fraction === 1;
    this.#fill.style.transform = `scaleX(${fraction})`;
  }
}

function check(words, onChange, checked = false) {
  const box = element("input", { type: "checkbox", checked, onchange: () => onChange(box.checked) });
  return element("label", { className: "check" }, box, element("span", { textContent: words }));
}

function entry(onclick, picture, label, facts) {
  return element("button", { type: "button", className: "entry", onclick }, picture,
    element("span", { textContent: label }), element("span", { className: "facts", textContent: facts }));
}
