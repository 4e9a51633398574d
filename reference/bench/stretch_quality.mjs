#!/usr/bin/env node
// Measures the page's change of speed and pitch: the code that the page runs, in node.
//
//     node reference/bench/stretch_quality.mjs [--plucked FILE.wav]... [--write FOLDER]
//
// Prints the SNR of a chirp and of a harmonic tone against what they should have become, in blocks of 93 ms (a block's amplitude
// and phase are fitted: both are free). With --plucked, what sounds before the attacks of recordings that are quiet before them.
// Tests/Page/modules.js tests the attacks of drums, the reported position and that stems stay together. `--write` keeps all tones as WAV files.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

const page = new URL("../../web/page/", import.meta.url);
const { Stretch } = await import(new URL("stretch/stretch.js", page));
const { decodeFrames, encodeFrames, parseHeader, wavHeader } = await import(new URL("wav.js", page));

const { values: options } = parseArgs({ options: { plucked: { type: "string", multiple: true, default: [] }, write: { type: "string" } } });
const rate = 44100;
const quantum = 128;
const seconds = 6;
const settings = [[0.25, 0], [0.5, 0], [0.7, 0], [0.85, 0], [1, 0], [1.2, 0], [1.5, 0], [1, -5], [1, 3], [1, 12], [0.7, 2]];

/** Stretches stems [left, right] to their end. */
function stretched(names, stems, tuning) {
  const frames = stems[0][0].length;
  const stretch = new Stretch(names, (stem, first, count, ...planes) => planes.forEach((plane, channel) => {
    for (let i = 0; i < count; i += 1) plane[i] = stems[stem][channel][first + i] ?? 0;
  }));
  stretch.tuning = { keepsFormants: false, ...tuning };
  const total = Math.floor(frames / tuning.speed);
  const outputs = names.map(() => [new Float32Array(total), new Float32Array(total)]);
  for (let at = 0; at < total; at += quantum) {
    const count = Math.min(quantum, total - at);
    stretch.render(outputs.map((planes) => planes.map((plane) => plane.subarray(at, at + count))), count);
  }
  return outputs;
}

const mono = (shape) => {
  const plane = Float32Array.from({ length: seconds * rate }, (_, i) => shape(i / rate));
  return [plane, plane];
};

function keep(name, planes) {
  if (!options.write) return;
  mkdirSync(options.write, { recursive: true });
  writeFileSync(join(options.write, `${name}.wav`), Buffer.concat([Buffer.from(wavHeader(2, rate, planes[0].length)), Buffer.from(encodeFrames(planes).buffer)]));
}

const table = (heads, rows) => {
  console.log(`\n| ${heads.join(" | ")} |\n|${heads.map(() => "---").join("|")}|`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
};
const named = ([speed, semitones]) => `${Math.round(speed * 100)} %, ${semitones > 0 ? "+" : semitones < 0 ? "−" : ""}${Math.abs(semitones)}`;

// Tones

/** SNR in decibels of a sound whose partials have the phases `phases(t)`, without its first and last half second. */
function fittedSNR(sound, phases) {
  const block = 4096;
  let [signal, error] = [0, 0];
  for (let first = rate / 2; first + block < sound.length - rate / 2; first += block) {
    const part = Float64Array.from(sound.subarray(first, first + block));
    const waves = phases((first + block / 2) / rate).flatMap((_, partial) => [Math.cos, Math.sin].map((wave) =>
      Float64Array.from({ length: block }, (_, i) => wave(phases((first + i) / rate)[partial]))));
    signal += part.reduce((sum, value) => sum + value ** 2, 0);
    // Gram and Schmidt: what no wave explains is the error.
    waves.forEach((wave, index) => {
      for (const other of waves.slice(0, index)) project(wave, other);
      project(part, wave);
    });
    error += part.reduce((sum, value) => sum + value ** 2, 0);
  }
  return 10 * Math.log10(signal / error);
}

function project(vector, onto) {
  let [product, energy] = [0, 0];
  for (let i = 0; i < vector.length; i += 1) {
    product += vector[i] * onto[i];
    energy += onto[i] ** 2;
  }
  for (let i = 0; i < vector.length; i += 1) vector[i] -= (product / energy) * onto[i];
}

const partials = Array.from({ length: 8 }, (_, n) => n + 1);
const sweep = (t) => 2 * Math.PI * (200 * t + (1800 / (2 * seconds)) * t * t);
const sounds = {
  chirp: { sound: mono((t) => 0.5 * Math.sin(sweep(t))), phases: (speed, pitch) => (t) => [(sweep(t * speed) * pitch) / speed] },
  "harmonic tone": {
    sound: mono((t) => partials.reduce((sum, n) => sum + (0.2 / n) * Math.sin(2 * Math.PI * 220 * n * t + n * n), 0)),
    phases: (_, pitch) => (t) => partials.map((n) => 2 * Math.PI * 220 * n * pitch * t),
  },
};
const heads = ["speed, semitones", ...["other", "vocals"].flatMap((stem) => Object.keys(sounds).map((sound) => `${sound}, ${stem}`))];
table(heads, settings.map(([speed, semitones]) => [named([speed, semitones]), ...["other", "vocals"].flatMap((stem) => Object.entries(sounds).map(([name, { sound, phases }]) => {
  const [planes] = stretched([stem], [sound], { speed, semitones });
  keep(`${name} ${stem} ${named([speed, semitones])}`, planes);
  return `${fittedSNR(planes[0], phases(speed, 2 ** (semitones / 12))).toFixed(0)} dB`;
}))]));

// Plucked strings

/** Attacks of a recording: where the energy of 3 ms is six times that of the 20 ms before. */
function attacksOf(plane) {
  const block = 128;
  const energies = Array.from({ length: Math.floor(plane.length / block) }, (_, b) => plane.subarray(b * block, (b + 1) * block).reduce((sum, value, i, all) => sum + (value - (all[i - 1] ?? value)) ** 2, 1e-7));
  const found = [];
  for (let b = 8; b < energies.length; b += 1) {
    const before = Math.max(...energies.slice(b - 8, b));
    if (energies[b] > 6 * before && (b - (found.at(-1) ?? -99)) * block > 0.06 * rate) found.push(b);
  }
  return found.map((b) => (b * block) / rate);
}

/** The samples of a WAV file, and its attacks. */
function recorded(file) {
  const { buffer } = Uint8Array.from(readFileSync(file));
  const format = parseHeader(buffer, buffer.byteLength);
  const all = decodeFrames(buffer.slice(format.dataOffset), format);
  const planes = [0, 1].map((channel) => all[Math.min(channel, all.length - 1)]);
  return { planes, attacks: attacksOf(planes[0]) };
}

const decibels = (ratio) => 10 * Math.log10(ratio);
/** The energy from 45 to 12 ms before an attack, as a share of that of the 33 ms after it. */
function echoBefore(plane, time) {
  const energy = (from, end) => plane.subarray((time + from) * rate, (time + end) * rate).reduce((sum, value) => sum + value ** 2, 1e-9);
  return energy(-0.045, -0.012) / energy(0, 0.033);
}
if (options.plucked.length) table(["sound", "attacks", "original", "25 %", "50 %", "70 %", "85 %"], options.plucked.map((file) => {
  const { planes, attacks } = recorded(file);
  const clear = attacks.filter((time) => time > 0.1 && decibels(echoBefore(planes[0], time)) < -20);
  const mean = (plane, speed) => `${decibels(clear.reduce((sum, time) => sum + echoBefore(plane, time / speed), 0) / clear.length).toFixed(1)} dB`;
  return [basename(file), clear.length, mean(planes[0], 1), ...[0.25, 0.5, 0.7, 0.85].map((speed) => mean(stretched(["other"], [planes], { speed, semitones: 0 })[0][0], speed))];
}));
