// The mixer of a song that is finished, or of the part that is finished so far: strips, transport, loop,
// zoom and downloads.

import { download, json } from "./api.js";
import { colourOf } from "./colours.js";
import { announce, element, iconButton, relabel, setIcon, setText } from "./dom.js";
import { Engine } from "./engine.js";
import { clock, spokenTime, title } from "./format.js";
import { SongHeader } from "./header.js";
import { showLink, writeLink } from "./link.js";
import { remember } from "./memory.js";
import { gain, loudestDecibels, mixQuery, newStrip, silenceDecibels } from "./mix.js";
import { loudest, resolutionFor } from "./peaks.js";
import { Pieces, stemRate } from "./pieces.js";
import { Pointer } from "./pointer.js";
import { Ruler } from "./ruler.js";
import { longestWindowSeconds, Spectrograms } from "./spectrograms.js";
import { StripView } from "./strip.js";
import { Timeline } from "./timeline.js";

/** One audio context for the page: browsers allow only a few. */
let context = null;

function contextAt(sampleRate) {
  if (context?.sampleRate !== sampleRate) {
    context?.close();
    context = new AudioContext({ sampleRate });
  }
  return context;
}

export class Mixer {
  engine = null;
  #opening = null;
  #peaks = new Map();
  /** Seconds of sound in the loaded waveforms. */
  #peaksSeconds = 0;
  #peaksWanted = new Set();
  #spectrograms = null;
  #isDrawn = true;
  #hover = null;
  #linkTimer = null;
  #isClosed = false;
  /** Start of a loop whose end is not set yet. */
  #loopStart = null;
  #startTime = 0;
  /** Rate of the stems, and so of the engine. */
  #rate;

  /** `saved` is the place and mix that it opens with; `actions.cancel(job)` stops a running separation. */
  constructor(job, saved, actions) {
    this.job = job;
    this.actions = actions;
    this.#rate = stemRate(job);
    this.names = job.stems.map((stem) => stem.name);
    this.timeline = new Timeline(job.duration_seconds);
    this.loop = saved?.loop?.[1] <= this.timeline.duration + 0.01 ? saved.loop : null;
    this.#startTime = Math.min(saved?.time ?? 0, this.timeline.duration);
    this.strips = job.stems.map((stem) => ({ ...newStrip(stem.is_part), ...saved?.strips[stem.name] }));
    this.#build();
    this.#applyStrips();
    this.#loadPeaks();
    this.#update();
    this.resize = new ResizeObserver(() => this.redraw(true));
    this.resize.observe(this.stripsNode);
    this.onTheme = () => this.redraw(true);
    document.addEventListener("theme", this.onTheme);
  }

  close() {
    this.#isClosed = true;
    this.engine?.close();
    this.#spectrograms?.close();
    this.resize.disconnect();
    document.removeEventListener("theme", this.onTheme);
    clearTimeout(this.#linkTimer);
  }

  /** Shows a newer state of the same job. */
  update(job) {
    if (job === this.job) return;
    const before = this.job;
    this.job = job;
    this.header.update(job);
    if (job.ready_seconds === before.ready_seconds && job.state === before.state) return;
    this.#peaksWanted.clear();
    this.#loadPeaks();
  }

  get time() {
    return this.engine ? this.engine.position / this.#rate : this.#startTime;
  }

  get isPlaying() {
    return this.engine?.isPlaying ?? false;
  }

  // Transport

  /** Opens the sound when it is first played: a context may only start on a click or key. */
  #open() {
    const audio = contextAt(this.#rate);
    // In the click's handler: some browsers refuse to resume later.
    audio.resume();
    this.#opening ??= (async () => {
      this.pieces ??= await Pieces.open(this.job);
      const engine = new Engine(audio, this.pieces, this.names.length, (error) => this.#onEngineState(error));
      await engine.seek(this.#startTime * this.#rate);
      this.engine = engine;
      this.#applyStrips();
      this.#applyLoop();
    })();
    return this.#opening;
  }

  async toggle() {
    if (this.isPlaying) return this.engine.pause();
    this.root.classList.add("waiting");
    try {
      await this.#open();
      if (this.#isClosed) return;
      const { position, loop } = this.engine;
      await this.engine.play(loop && (position < loop.start || position >= loop.end) ? loop.start : position);
    } catch (error) {
      this.#opening = null;
      this.#onEngineState(error);
    }
  }

  async seek(seconds) {
    const time = Math.min(this.timeline.duration, Math.max(0, seconds));
    if (this.engine) this.engine.seek(time * this.#rate);
    else this.#startTime = time;
    if (this.timeline.isZoomed) this.timeline.follow(time);
    this.redraw(true);
    this.#saveLink();
  }

  move(seconds) {
    this.seek(this.time + seconds);
  }

  setLoop(loop) {
    this.loop = loop;
    this.#loopStart = null;
    this.#applyLoop();
    this.#update();
    this.redraw();
    this.#saveMix();
  }

  /** Sets the loop's start, then its end, then removes the loop. */
  stepLoop() {
    if (this.loop) {
      this.setLoop(null);
      announce("Loop cleared");
    } else if (this.#loopStart === null) {
      this.#loopStart = this.time;
      this.#update();
      announce(`Loop from ${spokenTime(this.#loopStart)}`);
    } else {
      const edges = [this.#loopStart, this.time].sort((a, b) => a - b);
      // Two quick presses give a loop of four seconds.
      if (edges[1] - edges[0] < 0.2) edges[1] = Math.min(this.timeline.duration, edges[0] + 4);
      this.setLoop(edges);
      announce(`Loop from ${spokenTime(edges[0])} to ${spokenTime(edges[1])}`);
    }
  }

  #applyLoop() {
    if (!this.engine) return;
    this.engine.loop = this.loop && { start: this.loop[0] * this.#rate, end: this.loop[1] * this.#rate };
  }

  // Mixer

  toggleStrip(index, key) {
    const view = this.stripViews[index];
    if (!view) return;
    view.toggle(key, () => {
      view.refresh();
      this.#onStrips();
    });
    announce(`${view.name} ${key === "isMuted" ? "mute" : "solo"} ${this.strips[index][key] ? "on" : "off"}`);
  }

  changeVolume(index, step) {
    const strip = this.strips[index];
    strip.volume = Math.min(loudestDecibels, Math.max(silenceDecibels, strip.volume + step));
    this.stripViews[index].refresh();
    this.#onStrips();
  }

  #onStrips() {
    this.#applyStrips();
    this.redraw();
    this.#saveMix();
  }

  #applyStrips() {
    this.strips.forEach((strip, index) => {
      const value = gain(strip, this.strips);
      this.stripViews[index].setHeard(value > 0);
      this.engine?.setGain(index, value);
      this.engine?.setPan(index, strip.pan / 100);
    });
  }

  get mixPath() {
    return (format) => `v1/separations/${this.job.id}/mix?${mixQuery(this.names, this.strips, format)}`;
  }

  // Links

  get fragment() {
    return writeLink({ song: this.job.id, time: this.time, loop: this.loop, names: this.names, strips: this.strips });
  }

  #saveMix() {
    remember(this.job.id, writeLink({ song: this.job.id, loop: this.loop, names: this.names, strips: this.strips }));
    this.#saveLink();
  }

  #saveLink() {
    // Browsers limit how often the address may change.
    this.#linkTimer ??= setTimeout(() => {
      this.#linkTimer = null;
      if (!this.#isClosed) showLink(this.fragment);
    }, 400);
  }

  async #share() {
    showLink(this.fragment);
    try {
      await navigator.clipboard.writeText(location.href);
      this.#say("Link copied, with this mix and position");
    } catch {
      this.#say("The link is in the address bar");
    }
  }

  #say(sentence) {
    setText(this.note, sentence);
    announce(sentence);
    clearTimeout(this.noteTimer);
    this.noteTimer = setTimeout(() => setText(this.note, ""), 5000);
  }

  // Drawing

  async #loadPeaks() {
    const width = this.stripViews[0].canvas.clientWidth * (window.devicePixelRatio || 1) || 1000;
    const points = resolutionFor(width, this.timeline.span / this.timeline.duration);
    if (this.#peaksWanted.has(points)) return;
    this.#peaksWanted.add(points);
    try {
      const reply = await json(`v1/separations/${this.job.id}/peaks?points=${points}`);
      // Waveforms from before a part was finished are out of date at each resolution.
      if (reply.duration_seconds > this.#peaksSeconds) this.#peaks.clear();
      this.#peaksSeconds = reply.duration_seconds;
      this.#peaks.set(points, reply.stems);
      this.scale = loudest(reply.stems);
      this.redraw(true);
    } catch {
      this.#peaksWanted.delete(points);
    }
  }

  /** The finest waveform that is loaded; a coarse one is shown until a finer one arrives. */
  get #bestPeaks() {
    return this.#peaks.get([...this.#peaks.keys()].sort((a, b) => b - a)[0]);
  }

  zoom(factor, anchor) {
    const around = anchor ?? Math.min(1, Math.max(0, this.timeline.share(this.time)));
    this.timeline.zoom(factor, around);
    this.#loadPeaks();
    this.#update();
    this.redraw(true);
  }

  #toggleSpectrogram() {
    this.isSpectrogram = !this.isSpectrogram;
    this.spectrumButton.setAttribute("aria-pressed", this.isSpectrogram);
    this.#prepareSpectrograms();
  }

  async #prepareSpectrograms() {
    if (this.isSpectrogram && !this.#spectrograms) {
      try {
        this.pieces ??= await Pieces.open(this.job);
      } catch (error) {
        return this.#onEngineState(error);
      }
      if (this.#isClosed) return;
      this.#spectrograms = new Spectrograms(this.pieces, this.stripViews.map((view) => view.colour), (stem) => {
        this.stripViews[stem].invalidate();
        this.redraw();
      });
    }
    this.redraw(true);
  }

  /** Draws in the next animation frame; `isStale` also redraws the waveforms. */
  redraw(isStale = false) {
    if (isStale) this.stripViews.forEach((view) => view.invalidate());
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    requestAnimationFrame(() => this.#frame());
  }

  #frame() {
    this.#isDrawn = true;
    if (this.#isClosed) return;
    const { timeline } = this;
    const time = this.time;
    if (this.isPlaying && timeline.follow(time)) this.stripViews.forEach((view) => view.invalidate());
    const isSpectrogram = this.isSpectrogram && timeline.span <= longestWindowSeconds;
    this.hint.hidden = !this.isSpectrogram || isSpectrogram;
    const stems = this.#bestPeaks;
    const ink = getComputedStyle(this.root).color;
    const scene = { timeline, position: time, hover: this.#hover, loop: this.loop, ink, sampleRate: this.#rate, scale: this.scale ?? 1, spectrograms: isSpectrogram ? this.#spectrograms : null };
    this.stripViews.forEach((view, index) => {
      view.draw({ ...scene, index, peaks: stems?.find((stem) => stem.name === view.name)?.channels });
    });
    this.ruler.draw({ ...scene, loopStart: this.#loopStart });
    setText(this.elapsed, clock(time));
    setText(this.remaining, `−${clock(timeline.duration - time)}`);
    this.position.value = time;
    const second = Math.floor(time);
    if (second !== this.shownSecond) {
      this.shownSecond = second;
      this.position.setAttribute("aria-valuetext", `${spokenTime(time)} of ${spokenTime(timeline.duration)}`);
    }
    this.position.style.setProperty("--at", time / timeline.duration);
    if (this.isPlaying) this.redraw();
  }

  // Elements

  #build() {
    const { job } = this;
    const name = title(job.name);
    this.play = iconButton("play", "Play", () => this.toggle(), { className: "play" });
    this.elapsed = element("span", { className: "time" });
    this.remaining = element("span", { className: "time" });
    this.position = element("input", { type: "range", className: "position", min: 0, max: this.timeline.duration, step: 0.01, "aria-label": "Position", oninput: () => this.seek(Number(this.position.value)) });
    this.loopButton = iconButton("loop", "Loop from here (L)", () => this.stepLoop(), { "aria-pressed": "false" });
    this.zoomOut = iconButton("zoom-out", "Zoom out", () => this.zoom(1 / 2));
    this.zoomIn = iconButton("zoom-in", "Zoom in", () => this.zoom(2));
    this.spectrumButton = iconButton("spectrum", "Spectrogram", () => this.#toggleSpectrogram(), { "aria-pressed": "false" });
    this.note = element("p", { className: "note" });
    this.hint = element("p", { className: "note", hidden: true, textContent: "Zoom in to 15 minutes or less to see the spectrogram." });
    this.stripViews = job.stems.map((stem, index) => new StripView({
      name: stem.name,
      index,
      colour: colourOf(stem.name, index),
      strip: this.strips[index],
      onChange: () => this.#onStrips(),
      onDownload: () => this.#save(stem.url, `${name} ${stem.name}.${stem.url.split(".").pop()}`),
    }));
    this.ruler = new Ruler();
    this.stripsNode = element("div", { className: "strips" }, this.ruler.root, ...this.stripViews.map((view) => view.root));
    const sums = job.stems.filter((stem) => !stem.is_part).map((stem) => stem.name);
    const aboutSums = sums.length === 1
      ? `${sums[0]} is a sum of other stems: silent until you unmute or solo it.`
      : `${sums.join(", ")} are sums of other stems: silent until you unmute or solo them.`;
    this.header = new SongHeader(job, {
      mixPath: this.mixPath,
      share: () => this.#share(),
      cancel: this.actions.cancel,
      save: (path, file) => this.#save(path, file),
    });
    this.root = element("section", { className: "mixer", "aria-label": `Mixer: ${name}` },
      this.header.root,
      element("div", { className: "transport" },
        this.play, this.elapsed, this.position, this.remaining, this.loopButton,
        element("div", { className: "view" }, this.zoomOut, this.zoomIn, this.spectrumButton)),
      ...job.warnings.map((text) => element("p", { className: "note", textContent: text })),
      this.stripsNode,
      sums.length ? element("p", { className: "note", textContent: aboutSums }) : null,
      this.hint, this.note);
    this.stripsNode.style.setProperty("--count", this.stripViews.length);
    this.pointer = new Pointer(this.stripsNode, ".wave, .ruler", {
      seek: (share) => this.seek(this.timeline.time(share)),
      hover: (share) => {
        this.#hover = share === null ? null : this.timeline.time(share);
        this.redraw();
      },
      select: (from, to) => {
        this.loop = [this.timeline.time(Math.min(from, to)), this.timeline.time(Math.max(from, to))];
        this.redraw();
      },
      // The sound changes once, when the pointer is released.
      selected: () => this.setLoop(this.loop && this.loop[1] - this.loop[0] > 0.05 ? this.loop : null),
      zoom: (factor, anchor) => this.zoom(factor, anchor),
      scroll: (share) => {
        this.timeline.scroll(share * this.timeline.span);
        this.redraw(true);
      },
    });
  }

  async #save(path, file) {
    try {
      await download(path, file);
    } catch (error) {
      this.#say(error.message);
    }
  }

  #onEngineState(error) {
    if (error) this.#say(error instanceof TypeError ? "The sound could not be fetched. Press play to try again." : error.message);
    this.#update();
    this.redraw();
    if (this.engine) this.#saveLink();
  }

  #update() {
    this.root.classList.toggle("waiting", this.engine?.isWaiting ?? false);
    setIcon(this.play, this.isPlaying ? "pause" : "play");
    relabel(this.play, this.isPlaying ? "Pause" : "Play");
    this.loopButton.setAttribute("aria-pressed", Boolean(this.loop));
    this.loopButton.classList.toggle("half", this.#loopStart !== null);
    relabel(this.loopButton, this.loop ? "Clear the loop (L)" : this.#loopStart === null ? "Loop from here (L)" : "Loop to here (L)");
    this.zoomOut.disabled = !this.timeline.isZoomed;
    this.zoomIn.disabled = this.timeline.span <= 2;
  }
}
