// The mixer of a song that is finished, or of the part that is finished so far: strips, transport, loop,
// zoom and downloads.

import { download } from "./api.js";
import { colourOf } from "./colours.js";
import { announce, element, setText } from "./dom.js";
import { title } from "./format.js";
import { SongHeader } from "./header.js";
import { showLink, writeLink } from "./link.js";
import { Loop } from "./loop.js";
import { remember } from "./memory.js";
import { gain, loudestDecibels, mixQuery, newStrip, silenceDecibels } from "./mix.js";
import { Player } from "./player.js";
import { Pointer } from "./pointer.js";
import { Ruler } from "./ruler.js";
import { longestWindowSeconds, Spectrograms } from "./spectrograms.js";
import { StripView } from "./strip.js";
import { Timeline } from "./timeline.js";
import { Transport } from "./transport.js";
import { Waveforms } from "./waveforms.js";

export class Mixer {
  isSpectrogram = false;
  #loop;
  #spectrograms = null;
  #isDrawn = true;
  #hover = null;
  #linkTimer = null;
  #noteTimer = null;
  #isClosed = false;

  /** `saved` is the place and mix that it opens with; `actions.cancel(job)` stops a running separation. */
  constructor(job, saved, actions) {
    this.job = job;
    this.actions = actions;
    this.names = job.stems.map((stem) => stem.name);
    this.timeline = new Timeline(job.duration_seconds);
    this.#loop = new Loop(this.timeline.duration, saved?.loop);
    this.strips = job.stems.map((stem) => ({ ...newStrip(stem.is_part), ...saved?.strips[stem.name] }));
    this.player = new Player(job, Math.min(saved?.time ?? 0, this.timeline.duration), (error) => this.#onPlayer(error));
    this.player.loop = this.loop;
    this.waveforms = new Waveforms(job, () => this.redraw(true));
    this.#build();
    this.#applyStrips();
    this.#loadWaveforms();
    this.#update();
    this.resize = new ResizeObserver(() => this.redraw(true));
    this.resize.observe(this.stripsNode);
    this.onTheme = () => this.redraw(true);
    document.addEventListener("theme", this.onTheme);
  }

  close() {
    this.#isClosed = true;
    this.player.close();
    this.#spectrograms?.close();
    this.resize.disconnect();
    document.removeEventListener("theme", this.onTheme);
    clearTimeout(this.#linkTimer);
    clearTimeout(this.#noteTimer);
  }

  /** Shows a newer state of the same job. */
  update(job) {
    if (job === this.job) return;
    const before = this.job;
    this.job = job;
    this.header.update(job);
    if (job.ready_seconds === before.ready_seconds && job.state === before.state) return;
    this.waveforms.renew();
    this.#loadWaveforms();
  }

  get engine() {
    return this.player.engine;
  }

  get time() {
    return this.player.time;
  }

  get isPlaying() {
    return this.player.isPlaying;
  }

  // Transport

  toggle() {
    if (!this.isPlaying) this.root.classList.add("waiting");
    return this.player.toggle();
  }

  async seek(seconds) {
    const time = Math.min(this.timeline.duration, Math.max(0, seconds));
    this.player.seek(time);
    if (this.timeline.isZoomed) this.timeline.follow(time);
    this.redraw(true);
    this.#saveLink();
  }

  move(seconds) {
    this.seek(this.time + seconds);
  }

  /** The loop in seconds, `[start, end]` or null. */
  get loop() {
    return this.#loop.edges;
  }

  setLoop(edges) {
    this.#loop.set(edges);
    this.#onLoop();
  }

  /** Sets the loop's start, then its end, then removes the loop. */
  stepLoop() {
    const words = this.#loop.step(this.time);
    this.#onLoop();
    announce(words);
  }

  #onLoop() {
    this.player.loop = this.loop;
    this.#update();
    this.redraw();
    this.#saveMix();
  }

  // Mix

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
      this.player.setStrip(index, value, strip.pan / 100);
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
    clearTimeout(this.#noteTimer);
    this.#noteTimer = setTimeout(() => setText(this.note, ""), 5000);
  }

  // Drawing

  #loadWaveforms() {
    const width = this.stripViews[0].canvas.clientWidth * (window.devicePixelRatio || 1) || 1000;
    return this.waveforms.load(width, this.timeline);
  }

  zoom(factor, anchor) {
    const around = anchor ?? Math.min(1, Math.max(0, this.timeline.share(this.time)));
    this.timeline.zoom(factor, around);
    this.#loadWaveforms();
    this.#update();
    this.redraw(true);
  }

  async #toggleSpectrogram() {
    this.isSpectrogram = !this.isSpectrogram;
    this.#update();
    if (this.isSpectrogram && !this.#spectrograms) {
      try {
        const pieces = await this.player.pieces();
        if (this.#isClosed) return;
        this.#spectrograms = new Spectrograms(pieces, this.stripViews.map((view) => view.colour), (stem) => {
          this.stripViews[stem].invalidate();
          this.redraw();
        });
      } catch (error) {
        return this.#onPlayer(error);
      }
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
    const { timeline, time, loop } = this;
    if (this.isPlaying && timeline.follow(time)) this.stripViews.forEach((view) => view.invalidate());
    const isSpectrogram = this.isSpectrogram && timeline.span <= longestWindowSeconds;
    this.hint.hidden = !this.isSpectrogram || isSpectrogram;
    const ink = getComputedStyle(this.root).color;
    const scene = { timeline, position: time, hover: this.#hover, loop, ink, sampleRate: this.player.rate, scale: this.waveforms.scale ?? 1, spectrograms: isSpectrogram ? this.#spectrograms : null };
    this.stripViews.forEach((view, index) => view.draw({ ...scene, index, peaks: this.waveforms.of(view.name) }));
    this.ruler.draw({ ...scene, loopStart: this.#loop.begun });
    this.transport.showTime(time);
    if (this.isPlaying) this.redraw();
  }

  // Elements

  #build() {
    const { job } = this;
    const name = title(job.name);
    this.transport = new Transport(this.timeline.duration, {
      toggle: () => this.toggle(),
      seek: (seconds) => this.seek(seconds),
      stepLoop: () => this.stepLoop(),
      zoom: (factor) => this.zoom(factor),
      toggleSpectrogram: () => this.#toggleSpectrogram(),
    });
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
    this.stripsNode.style.setProperty("--count", this.stripViews.length);
    this.header = new SongHeader(job, {
      mixPath: this.mixPath,
      share: () => this.#share(),
      cancel: this.actions.cancel,
      save: (path, file) => this.#save(path, file),
    });
    this.root = element("section", { className: "mixer", "aria-label": `Mixer: ${name}` },
      this.header.root,
      this.transport.root,
      ...job.warnings.map((text) => element("p", { className: "note", textContent: text })),
      this.stripsNode,
      aboutSums(job),
      this.hint, this.note);
    this.pointer = new Pointer(this.stripsNode, ".wave, .ruler", {
      seek: (share) => this.seek(this.timeline.time(share)),
      hover: (share) => {
        this.#hover = share === null ? null : this.timeline.time(share);
        this.redraw();
      },
      select: (from, to) => {
        this.#loop.select(this.timeline.time(from), this.timeline.time(to));
        this.redraw();
      },
      // The sound changes once, when the pointer is released.
      selected: () => this.setLoop(this.loop),
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

  #onPlayer(error) {
    if (error) this.#say(error instanceof TypeError ? "The sound could not be fetched. Press play to try again." : error.message);
    this.#update();
    this.redraw();
    if (this.engine) this.#saveLink();
  }

  #update() {
    this.root.classList.toggle("waiting", this.player.isWaiting);
    this.transport.update({ isPlaying: this.isPlaying, loop: this.#loop, timeline: this.timeline, isSpectrogram: this.isSpectrogram });
  }
}

/** A sentence about the stems that are sums of others, or null. */
function aboutSums(job) {
  const sums = job.stems.filter((stem) => !stem.is_part).map((stem) => stem.name);
  if (!sums.length) return null;
  const textContent = sums.length === 1
    ? `${sums[0]} is a sum of other stems: silent until you unmute or solo it.`
    : `${sums.join(", ")} are sums of other stems: silent until you unmute or solo them.`;
  return element("p", { className: "note", textContent });
}
