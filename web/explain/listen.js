// The stems of a piece in a loop: as the changed network makes them, as the unchanged one does, or their difference.

import { Engine } from "../page/sound/engine.js";
import { stereoBuffer } from "../page/sound/pieces.js";

export const versions = ["changed", "unchanged", "difference"];

const differenceOf = (one, other) => one.map((channel, index) => channel.map((value, sample) => value - other[index][sample]));

export class Listen {
  #names;
  #sampleRate;
  #engine = null;
  #context = null;
  #buffers = [];
  #restSeconds = 0;
  #version = "changed";
  #muted = new Set();
  onState = () => {};

  constructor(names, sampleRate) {
    this.#names = names;
    this.#sampleRate = sampleRate;
  }

  get seconds() {
    return this.#buffers.length ? this.#buffers[0].length / this.#sampleRate : 0;
  }

  get time() {
    return this.#engine ? this.#engine.position / this.#sampleRate : this.#restSeconds;
  }

  get isPlaying() {
    return this.#engine?.isPlaying ?? false;
  }

  get version() {
    return this.#version;
  }

  set version(version) {
    this.#version = version;
    this.#setGains();
    this.onState();
  }

  isMuted(name) {
    return this.#muted.has(name);
  }

  toggleMute(name) {
    if (!this.#muted.delete(name)) this.#muted.add(name);
    this.#setGains();
    this.onState();
  }

  /** Takes the stems of both networks, by their names; what plays goes on from the same place with the new ones. */
  set(changed, unchanged) {
    const isSame = changed === unchanged;
    this.#buffers = [changed, unchanged, null].flatMap((stems) => this.#names.map((name) =>
      stereoBuffer(stems ? stems[name] : isSame ? changed[name].map(({ length }) => new Float32Array(length)) : differenceOf(changed[name], unchanged[name]), this.#sampleRate)));
    const [wasPlaying, time] = [this.isPlaying, Math.min(this.time, this.seconds)];
    this.#engine?.close();
    this.#engine = null;
    this.#restSeconds = time;
    if (wasPlaying) this.#open();
    return wasPlaying ? this.#engine.play(time * this.#sampleRate) : this.onState();
  }

  #open() {
    const frames = this.#buffers[0].length;
    const buffers = this.#buffers;
    const pieces = { frames, pieceFrames: frames, count: 1, get: async () => buffers };
    this.#engine = new Engine(this.#context, pieces, versions.flatMap((version) => this.#names.map((name) => `${version} ${name}`)), () => this.onState());
    this.#engine.loop = { start: 0, end: frames };
    this.#setGains();
  }

  #setGains() {
    versions.forEach((version, row) => this.#names.forEach((name, column) => {
      this.#engine?.setGain(row * this.#names.length + column, version === this.#version && !this.#muted.has(name) ? 1 : 0);
    }));
  }

  /** Plays or pauses. In a click or a key: only then may a browser's sound start. */
  async toggle() {
    if (!this.#buffers.length) return;
    if (this.isPlaying) return this.#engine.pause();
    this.#context ??= new AudioContext({ sampleRate: this.#sampleRate });
    this.#context.resume();
    if (!this.#engine) this.#open();
    await this.#engine.play(this.time * this.#sampleRate);
  }

  close() {
    this.onState = () => {};
    this.#engine?.close();
    this.#context?.close();
  }
}
