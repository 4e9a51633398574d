// The main region of the page: the open song in any state, or the welcome.

import { colourOf } from "./colours.js";
import { element, icon, say, setText } from "./dom.js";
import { roughTime, title } from "./format.js";
import { readLink } from "./link.js";
import { stopLanes } from "./lanes.js";
import { residualName } from "./presets.js";
import { failureWords, isWaiting, stateWords } from "./words.js";

/** The class of the mixer, which is loaded with the first song. */
let Mixer = null;

/** A running song opens in the mixer when this much of it can be heard. */
const leastSeconds = 2;

function isAudible({ state, stems, ready_seconds, duration_seconds }) {
  if (state === "running") return stems.length > 0 && ready_seconds >= Math.min(leastSeconds, duration_seconds);
  return state === "done" || (state === "cancelled" && stems.length > 0);
}

export class Stage {
  #root = document.getElementById("stage");
  #empty = document.getElementById("empty");
  #shown = null;
  mixer = null;

  /** `cancel(job)`, `retry(job)`, `choose()`; `show()` shows the page again. */
  constructor(actions) {
    this.actions = actions;
  }

  /** Shows the welcome, if no song is open. */
  showEmpty() {
    if (this.#shown === "empty") return;
    this.#clear("empty");
    this.#empty.hidden = false;
  }

  /** Tells that a song was removed; `keepSeconds` is null if the service keeps songs until they are deleted. */
  showGone(keepSeconds) {
    const reason = keepSeconds === null ? "It was deleted." : `Songs are kept for ${roughTime(keepSeconds)}.`;
    if (this.#shown === `gone ${reason}`) return;
    this.#clear(`gone ${reason}`);
    this.#root.append(this.#message("This song is no longer here", `${reason} Choose its file to separate it again.`,
      element("button", { type: "button", className: "primary", textContent: "Choose files", onclick: () => this.actions.choose() })));
  }

  /** Shows a job; `saved` is the place and mix that it opens with. */
  show(job, saved) {
    const kind = isAudible(job) ? "mixer" : isWaiting(job.state) ? "progress" : job.state;
    if (kind === "mixer" && !Mixer) return this.#loadMixer();
    // The part of a cancelled song is a song of its own length.
    const shown = `${kind} ${kind === "mixer" && job.state === "cancelled" ? "part" : ""} ${job.id}`;
    if (this.#shown !== shown) {
      // A song that is cancelled while it is mixed stays as its user left it.
      const state = this.mixer?.job.id === job.id ? readLink(this.mixer.fragment) : saved;
      this.#clear(shown);
      if (kind === "mixer") {
        this.mixer = new Mixer(job, state, this.actions);
        this.#root.append(this.mixer.root);
        this.mixer.redraw(true);
      } else if (kind === "progress") {
        this.#root.append(this.#progress(job));
      } else {
        this.#root.append(this.#ended(job));
      }
    }
    if (kind === "progress") this.#updateProgress(job);
    if (kind === "mixer") this.mixer.update(job);
  }

  async #loadMixer() {
    try {
      ({ Mixer } = await import("./mixer.js"));
      this.actions.show();
    } catch (error) {
      say(failureWords(error));
    }
  }

  /** Forgets the shown song, so that it can be opened again. */
  reset() {
    this.#clear(null);
  }

  #clear(shown) {
    this.#shown = shown;
    this.mixer?.close();
    this.mixer = null;
    this.#empty.hidden = true;
    stopLanes();
    for (const child of [...this.#root.children]) if (child !== this.#empty) child.remove();
  }

  #progress(job) {
    this.words = element("p", { className: "facts" });
    this.percent = element("p", { className: "big-percent" });
    this.fills = [];
    const strips = (job.outputs ?? []).filter((name) => name !== residualName).map((name, index) => {
      const fill = element("div", { className: "growing" });
      this.fills.push(fill);
      const strip = element("div", { className: "strip pending" },
        element("div", { className: "controls" }, element("div", { className: "controls-head" }, element("span", { className: "chip" }), element("span", { className: "stem-name", textContent: name }))),
        element("div", { className: "wave" }, fill));
      strip.style.setProperty("--stem", colourOf(name, index));
      return strip;
    });
    this.fills.push(element("span", { className: "fill" }));
    const stripsNode = element("div", { className: "strips" }, element("div", { className: "ruler-row" }), ...strips);
    stripsNode.style.setProperty("--count", strips.length);
    return element("section", { className: "mixer", "aria-label": title(job.name) },
      element("header", { className: "song" },
        element("div", {}, element("h1", { textContent: title(job.name), title: job.name }), this.words),
        element("div", { className: "actions" },
          element("button", { type: "button", className: "plain", onclick: () => this.actions.cancel(job) }, icon("close"), element("span", { textContent: "Cancel" })))),
      element("div", { className: "progress-row" }, this.percent, element("div", {}, this.fills.at(-1))),
      stripsNode);
  }

  #updateProgress(job) {
    setText(this.words, stateWords(job));
    setText(this.percent, `${Math.floor(job.fraction * 100)} %`);
    for (const fill of this.fills) fill.style.transform = `scaleX(${job.fraction})`;
  }

  #ended(job) {
    const isFailed = job.state === "failed";
    const canRetry = this.actions.canRetry(job);
    return this.#message(isFailed ? `${title(job.name)} could not be separated` : `${title(job.name)} was cancelled`,
      isFailed ? stateWords(job) : "No results were kept.",
      canRetry
        ? element("button", { type: "button", className: "primary", textContent: "Try again", onclick: () => this.actions.retry(job) })
        : element("button", { type: "button", className: "primary", textContent: isFailed ? "Choose another file" : "Choose files", onclick: () => this.actions.choose() }));
  }

  #message(heading, sentence, ...buttons) {
    return element("section", { className: "message" }, element("h1", { textContent: heading }), element("p", { textContent: sentence }), element("div", { className: "choices" }, ...buttons));
  }
}
