// The main region of the page: the open song in any state, or the welcome.

import { backend } from "../backend.js";
import { colourOf, element, icon, say, setIcon, setText } from "../dom.js";
import { linear, residualName } from "../sound/mix.js";
import { contextAt } from "../sound/player.js";
import { failureWords, goneWords, isWaiting, roughTime, stateWords, title } from "../words.js";
import { readLink } from "./memory.js";

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

  /** `users()` is the number of users, null without tokens; `cancel(job)`, `retry(job)`, `instead(job)`, `choose()`; `show()` shows the page again. */
  constructor(actions) {
    this.actions = actions;
  }

  /** Shows the welcome, if no song is open. */
  showEmpty() {
    if (this.#shown === "empty") return;
    this.#clear("empty");
    this.#empty.hidden = false;
  }

  /** Tells that a song is gone, by its last job if that is known; `keepSeconds` is null if the service keeps songs until they are deleted. */
  showGone(job, keepSeconds) {
    const mayBeOthers = !job && this.actions.users() > 1;
    const heading = job ? goneWords(job) : `This song is ${mayBeOthers ? "not" : "no longer"} here`;
    const cause = job?.isOthers ? "Its owner has taken it back or deleted it" : keepSeconds !== null ? `Songs are kept for ${roughTime(keepSeconds)}` : job ? "This was done elsewhere" : "It was deleted";
    const reason = `${cause}${mayBeOthers ? ", or it belongs to another user who has not opened it for all" : ""}.`;
    const shown = `gone ${heading} ${reason}`;
    if (this.#shown === shown) return;
    this.#clear(shown);
    this.#root.append(this.#message(heading, `${reason} Choose its file to separate it again.`,
      element("button", { type: "button", className: "primary", textContent: "Choose files", onclick: () => this.actions.choose() })));
  }

  /** Shows a job; `saved` is the place and mix that it opens with. */
  show(job, saved) {
    const kind = isAudible(job) ? "mixer" : isWaiting(job.state) ? "progress" : job.state;
    if (kind === "mixer" && !Mixer) return this.#loadMixer();
    // The part of a cancelled song is a song of its own length.
    const shown = `${kind} ${kind !== "mixer" ? job.name : job.state === "cancelled" ? "part" : ""} ${job.id}`;
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
      ({ Mixer } = await import("../mixer/mixer.js"));
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
    const instead = isFailed && this.actions.instead(job);
    return this.#message(isFailed ? `${title(job.name)} could not be separated` : `${title(job.name)} was cancelled`,
      isFailed ? stateWords(job) : "No results were kept.",
      canRetry
        ? element("button", { type: "button", className: "primary", textContent: "Try again", onclick: () => this.actions.retry(job) })
        : element("button", { type: "button", className: "primary", textContent: isFailed ? "Choose another file" : "Choose files", onclick: () => this.actions.choose() }),
      ...(instead ? [element("button", { type: "button", className: "plain", textContent: instead.words, onclick: instead.separate })] : []));
  }

  #message(heading, sentence, ...buttons) {
    return element("section", { className: "message" }, element("h1", { textContent: heading }), element("p", { textContent: sentence }), element("div", { className: "choices" }, ...buttons));
  }
}

// The parts of the example song on the empty page, which play at a press. parts.svg draws them.

const rate = 44100;
/** The delay from a press to the sound, and the length of a fade. */
const [leadSeconds, fadeSeconds] = [0.03, 0.015];
/** All parts together are 0.3 dB too loud. */
const level = linear(-1);

const root = document.getElementById("lanes");
/** What sounds, `{ source, gain, began }`, by its button; `began` is the frame of the context at which the song began, the same for all. */
export const playing = new Map();

root.append(...["drums", "bass", "other", "vocals"].map((name, index) => {
  // Loaded when a press begins, which is a tenth of a second before its click.
  const begin = () => load(button).catch(() => {});
  const button = element("button", { type: "button", value: name, "aria-pressed": "false", onpointerdown: begin, onfocus: begin, onclick: () => toggle(button) }, icon("play"), name);
  button.style.setProperty("--stem", colourOf(name, index));
  return button;
}));

function stopLanes() {
  for (const button of root.elements) {
    press(button, false);
    button.sound = null;
  }
}

/** The decoded sound of a part. */
const load = (button) =>
  (button.sound ??= backend.example(`demo_stems/${button.value}.ogg`).then(async (file) => new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer())));

function press(button, isOn) {
  button.setAttribute("aria-pressed", isOn);
  setIcon(button, isOn ? "pause" : "play");
  const { source, gain } = playing.get(button) ?? {};
  if (isOn || !source) return;
  gain.gain.setTargetAtTime(0, 0, fadeSeconds / 3);
  source.stop(gain.context.currentTime + 2 * fadeSeconds);
  playing.delete(button);
  root.classList.toggle("playing", playing.size > 0);
}

async function toggle(button) {
  const isPressed = () => button.getAttribute("aria-pressed") === "true";
  press(button, !isPressed());
  if (!isPressed()) return;
  const context = contextAt(rate);
  context.resume();
  try {
    const buffer = await load(button);
    // It may have been pressed again before the sound came.
    if (isPressed() && !playing.has(button)) play(button, buffer, context);
  } catch {
    button.sound = null;
    press(button, false);
    say("The example could not be loaded. Press again to try once more.");
  }
}

function play(button, buffer, context) {
  const frame = Math.ceil((context.currentTime + leadSeconds) * rate);
  const [{ began } = { began: frame }] = playing.values();
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, frame / rate);
  gain.gain.linearRampToValueAtTime(level, frame / rate + fadeSeconds);
  source.connect(gain).connect(context.destination);
  source.start(frame / rate, ((frame - began) % buffer.length) / rate);
  playing.set(button, { source, gain, began });
  root.classList.add("playing");
}
