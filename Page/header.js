// The head of the mixer: the song's title, and its progress or its files.

import { DownloadMenu } from "./downloads.js";
import { element, icon, setText } from "./dom.js";
import { clock, title } from "./format.js";
import { stateWords } from "./words.js";

export class SongHeader {
  #facts = element("p", { className: "facts" });
  #actions = element("div", { className: "actions" });
  #fill = element("span", { className: "fill" });
  #progress = element("div", { className: "progress-line" }, this.#fill);

  /** `share()`, `cancel(job)`; `exports` are the files of the song. */
  constructor(job, exports, calls) {
    this.exports = exports;
    this.calls = calls;
    this.root = element("header", { className: "song" },
      element("div", {}, element("h1", { textContent: title(job.name), title: job.name }), this.#facts),
      this.#actions,
      this.#progress);
    this.update(job);
  }

  update(job) {
    const isRunning = job.state === "running";
    setText(this.#facts, isRunning ? `${stateWords(job)} · ${Math.floor(job.fraction * 100)} %` : [clock(job.duration_seconds), job.state === "cancelled" ? "cancelled here" : null, job.model, job.options?.precision].filter(Boolean).join(" · "));
    this.#progress.hidden = !isRunning;
    this.#fill.style.transform = `scaleX(${job.fraction})`;
    if (this.#actions.dataset.state === job.state) return;
    this.#actions.dataset.state = job.state;
    if (isRunning) this.#actions.replaceChildren(plainButton("close", "Cancel", () => this.calls.cancel(job)));
    else {
      this.menu = new DownloadMenu(job, this.exports);
      this.#actions.replaceChildren(plainButton("link", "Share", () => this.calls.share()), this.menu.root);
    }
  }
}

const plainButton = (picture, text, onclick) =>
  element("button", { type: "button", className: "plain", onclick }, icon(picture), element("span", { textContent: text }));
