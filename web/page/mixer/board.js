// The drawn part of the mixer: ruler, loop edges, strips with their waveforms or spectrograms, and master,
// all in one window of the song. On a phone the strips are lines, below one waveform of the mix.

import { colourOf, element } from "../dom.js";
import { residualName } from "../sound/mix.js";
import { Pointer } from "./input.js";
import { LoopHandles, Ruler } from "./ruler.js";
import { Master, StripView } from "./strips.js";
import { MixView } from "./wave.js";
import { Waveforms } from "./waveforms.js";

/** The spectrogram of a longer window would fetch too much sound for one image. */
const longestWindowSeconds = 900;

export class Board {
  mix; loop; grid; timeline; player; actions;
  isSpectrogram = false;
  spectrograms = null;
  #isDrawn = true;
  #isClosed = false;
  #hover = null;
  /** The gain of each stem in what sounds. */
  #gains = [];

  /**
   * `actions`: `seek(seconds)`, `mixChanged()`, `loopChanged()` once at the end of a drag, `timeShown(seconds)` in
   * each frame, `windowChanged()`, `saveStem(stem)`; `stemFile(stem)` is a stem as a file.
   */
  constructor({ job, mix, loop, grid, timeline, player, actions }) {
    Object.assign(this, { mix, loop, grid, timeline, player, actions });
    this.waveforms = new Waveforms(job, player, () => this.redraw(true));
    // A residual comes last. It is heard by a preset and in the original, without a strip of its own.
    this.stripViews = job.stems.filter(({ name }, index) => name !== residualName || index === 0).map((stem, index) => new StripView({
      name: stem.name,
      index,
      colour: colourOf(stem.name, index),
      strip: mix.strips[index],
      onChange: () => actions.mixChanged(),
      onDownload: () => actions.saveStem(stem),
      file: () => actions.stemFile(stem),
    }));
    this.mixView = new MixView("wave whole");
    this.master = new Master(mix.master, () => actions.mixChanged());
    this.ruler = new Ruler();
    this.handles = new LoopHandles({
      timeAt: (clientX) => {
        const box = this.ruler.canvas.getBoundingClientRect();
        return timeline.time((clientX - box.left) / box.width);
      },
      edges: () => loop.edges,
      move: (edge, time, isExact) => {
        loop.move(edge, time, isExact);
        this.redraw();
      },
      moved: () => actions.loopChanged(),
    });
    this.root = element("div", { className: "strips" }, this.ruler.root, this.mixView.canvas, ...this.stripViews.map((view) => view.root), this.master.root, this.handles.root);
    this.root.style.setProperty("--count", this.stripViews.length);
    this.hint = element("p", { className: "note", hidden: true, textContent: "Zoom in to 15 minutes or less to see the spectrogram." });
    this.pointer = new Pointer(this.root, ".wave, .ruler", this.#gestures());
    this.resize = new ResizeObserver(() => this.redraw(true));
    this.resize.observe(this.root);
    this.onTheme = () => this.redraw(true);
    document.addEventListener("theme", this.onTheme);
  }

  close() {
    this.#isClosed = true;
    this.spectrograms?.close();
    this.resize.disconnect();
    document.removeEventListener("theme", this.onTheme);
  }

  /** Shows a newer state of the job. */
  update(job) {
    this.waveforms.update(job);
    this.redraw(true);
  }

  /** Shows which stems sound. */
  showHeard(gains) {
    this.#gains = gains.map(([gain]) => gain);
    this.stripViews.forEach((view, index) => view.setHeard(this.#gains[index] > 0));
    this.mixView.invalidate();
    this.redraw();
  }

  /** Shows the values of all controls, after others have changed them. */
  refresh() {
    for (const view of this.stripViews) view.refresh();
    this.master.fader.refresh();
  }

  connectMeters(engine) {
    this.stripViews.forEach((view, index) => view.meter.connect(engine.stemOutputs[index]));
    this.master.meter.connect(engine.output);
  }

  zoom(factor, anchor) {
    const around = anchor ?? Math.min(1, Math.max(0, this.timeline.share(this.player.time)));
    this.timeline.zoom(factor, around);
    this.actions.windowChanged();
    this.redraw(true);
  }

  /** Scrolls to a time if the window doesn't show it. */
  reveal(time) {
    if (this.timeline.isZoomed) this.timeline.follow(time);
    this.redraw(true);
  }

  async toggleSpectrogram() {
    this.isSpectrogram = !this.isSpectrogram;
    this.actions.windowChanged();
    if (this.isSpectrogram && !this.spectrograms) {
      const [pieces, { Spectrograms }] = await Promise.all([this.player.pieces(), import("./spectrograms.js")]);
      if (this.#isClosed) return;
      this.spectrograms = new Spectrograms(pieces, this.stripViews.map((view) => view.colour), (stem) => {
        this.stripViews[stem].invalidate();
        this.redraw();
      });
    }
    this.redraw(true);
  }

  /** Draws in the next animation frame; `isStale` also redraws the waveforms. */
  redraw(isStale = false) {
    if (isStale) this.#invalidate();
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    requestAnimationFrame(() => this.#frame());
  }

  #invalidate() {
    for (const view of [this.mixView, ...this.stripViews]) view.invalidate();
  }

  #frame() {
    this.#isDrawn = true;
    if (this.#isClosed) return;
    const { timeline, player } = this;
    const loop = this.loop.edges;
    const { time, isPlaying } = player;
    if (isPlaying && timeline.follow(time)) this.#invalidate();
    const isSpectrogram = this.isSpectrogram && timeline.span <= longestWindowSeconds;
    this.hint.hidden = !this.isSpectrogram || isSpectrogram;
    this.waveforms.load(this.ruler.canvas.clientWidth * (window.devicePixelRatio || 1) || 1000, timeline);
    const ink = getComputedStyle(this.root).color;
    const scene = { timeline, position: time, hover: this.#hover, loop, ink, scale: this.waveforms.scale ?? 1, spectrograms: isSpectrogram ? this.spectrograms : null };
    const waves = this.mix.names.map((_, index) => this.waveforms.of(index, timeline));
    this.stripViews.forEach((view, index) => view.draw({ ...scene, index, wave: waves[index] }));
    // A mix is louder than its loudest stem, by about 3 dB.
    this.mixView.draw({ ...scene, waves, gains: this.#gains, scale: scene.scale * Math.SQRT2, spectrograms: null });
    this.ruler.draw({ ...scene, grid: this.grid, loopStart: this.loop.begun });
    this.handles.place(timeline, loop);
    this.actions.timeShown(time);
    if (this.#showLevels() || isPlaying) this.redraw();
  }

  /** Returns whether a meter still falls. */
  #showLevels() {
    for (const view of this.stripViews) view.meter.update();
    this.master.update();
    return [this.master.meter, ...this.stripViews.map((view) => view.meter)].some((meter) => meter.isMoving);
  }

  #gestures() {
    const { timeline, loop, actions } = this;
    return {
      seek: (share) => actions.seek(timeline.time(share)),
      hover: (share) => {
        this.#hover = share === null ? null : timeline.time(share);
        this.redraw();
      },
      select: (from, to) => {
        loop.select(timeline.time(from), timeline.time(to));
        this.redraw();
      },
      extend: (share) => {
        loop.extend(timeline.time(share), this.player.time);
        actions.loopChanged();
      },
      // The sound changes once, when the pointer is released.
      selected: () => actions.loopChanged(),
      isZoomed: () => timeline.isZoomed,
      zoom: (factor, anchor) => this.zoom(factor, anchor),
      scroll: (share) => {
        timeline.scroll(share * timeline.span);
        this.redraw(true);
      },
    };
  }
}
