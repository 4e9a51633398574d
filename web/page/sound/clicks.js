// Clicks on the beats of the song that sounds, and the counts before it.

/** Clicks are scheduled so far ahead: a tab in the background gets its timers only once a second. */
const aheadSeconds = 1.5;
const lengthSeconds = 0.04;
/** Pitch and level of a click by its strength: within a beat, at a beat, at a bar line. */
const tones = [[1000, 0.2], [1000, 0.5], [1500, 0.5]];

/** The samples of a click. */
export function clickSamples(strength, sampleRate) {
  const [hertz, level] = tones[strength];
  return Float32Array.from({ length: Math.ceil(lengthSeconds * sampleRate) }, (_, i) => level * Math.sin((2 * Math.PI * hertz * i) / sampleRate) * Math.exp((-i * 120) / sampleRate));
}

/** What sounds with the sound from `from` on, in seconds of the song: a count if there is one, and then the beats if they click. */
export function clicksFrom(grid, from, { isCounted, isOn }) {
  const count = isCounted ? grid.countIn(from) : null;
  return { lead: count?.lead ?? 0, clicks: [...(count?.clicks ?? []), ...(isOn ? grid.clicks.filter(({ time }) => time >= (count?.end ?? from) - 1e-6) : [])] };
}

export class Clicks {
  /** The `Grid` of the song. */
  grid = null;
  #isOn = false;
  #context;
  #sounds;
  #output;
  #sources = new Set();
  /** Clicks before this frame of the context are scheduled. */
  #done = 0;

  constructor(context) {
    this.#context = context;
    this.#sounds = tones.map((_, strength) => {
      const samples = clickSamples(strength, context.sampleRate);
      const buffer = context.createBuffer(1, samples.length, context.sampleRate);
      buffer.copyToChannel(samples, 0);
      return buffer;
    });
    this.#output = context.createGain();
    this.#output.connect(context.destination);
  }

  /** Schedules the clicks of what will sound soon. `spans`: see `PieceRun`. */
  schedule(spans) {
    const rate = this.#context.sampleRate;
    const from = Math.max(this.#done, this.#context.currentTime * rate);
    const end = (this.#context.currentTime + aheadSeconds) * rate;
    for (const { at, frame, count, speed, isCounted } of spans) {
      if (!this.grid || !(isCounted || this.#isOn)) continue;
      for (const { time, strength } of clicksFrom(this.grid, frame / rate, { isCounted, isOn: this.#isOn }).clicks) {
        const place = Math.round(time * rate) - frame;
        const when = at + place / speed;
        if (place < count && when >= from && when < end) this.#click(when / rate, strength);
      }
    }
    this.#done = Math.max(this.#done, end);
  }

  set isOn(isOn) {
    if (this.#isOn !== isOn) this.stop();
    this.#isOn = isOn;
  }

  /** Linear gain. */
  set volume(gain) {
    this.#output.gain.value = gain;
  }

  /** Takes back the clicks that have not sounded. */
  stop() {
    for (const source of this.#sources) source.stop();
    this.#sources.clear();
    this.#done = 0;
  }

  close() {
    this.stop();
    this.#output.disconnect();
  }

  #click(time, strength) {
    const source = this.#context.createBufferSource();
    source.buffer = this.#sounds[strength];
    source.connect(this.#output);
    source.start(time);
    source.onended = () => this.#sources.delete(source);
    this.#sources.add(source);
  }
}
