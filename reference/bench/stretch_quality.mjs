#!/usr/bin/env node
// Measures the page's change of speed and pitch: the code that the page runs, in node.
//
//     node reference/bench/stretch_quality.mjs [--drums FILE.wav] [--plucked FILE.wav]... [--write FOLDER]
//
// Prints three tables, and a fourth with --plucked. Tones: the SNR of a chirp and of a harmonic tone against what they should have
// become, in blocks of 93 ms (a block's amplitude and phase are fitted: both are free). Drums: where attacks
// begin, against the map of times, found by correlation with the attacks of the input. Plucked: what sounds
// before the attacks of recordings that are quiet before them. Stems: the drift between two stems of every kind, and the share of real time
// that a stem takes. `--drums` measures the attacks of a recording too; `--write` keeps all sounds as WAV files.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

const page = new URL("../../web/page/", import.meta.url);
const { Stretch } = await import(new URL("stretch/stretch.js", page));
const { decodeFrames, encodeFrames, parseHeader, wavHeader } = await import(new URL("wav.js", page));

const { values: options } = parseArgs({ options: { drums: { type: "string" }, plucked: { type: "string", multiple: true, default: [] }, write: { type: "string" } } });
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

const mono = (shape, length = seconds) => {
  const plane = Float32Array.from({ length: length * rate }, (_, i) => shape(i / rate));
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

// Drums

/** A kit of noise and sines with attacks at known times, some of them close together. */
function kit() {
  let seed = 1;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return (seed / 2147483647) * 2 - 1;
  };
  const plane = new Float32Array(seconds * rate);
  const attacks = [];
  const beat = 60 / 112 / 4;
  for (let step = 0; (step + 4) * beat < seconds; step += 1) {
    const time = 0.2 + step * beat + random() * 0.01;
    attacks.push(time);
    const first = Math.round(time * rate);
    for (let i = 0; i < 0.3 * rate && first + i < plane.length; i += 1) {
      const t = i / rate;
      if (step % 4 === 0) plane[first + i] += 0.7 * Math.cos(2 * Math.PI * (50 * t - 4 * Math.exp(-t * 40))) * Math.exp(-t * 12);
      else if (step % 8 === 6) plane[first + i] += 0.4 * random() * Math.exp(-t * 20) + 0.3 * Math.cos(2 * Math.PI * 190 * t) * Math.exp(-t * 25);
      else plane[first + i] += 0.15 * random() * Math.exp(-t * 60);
    }
  }
  return { planes: [plane, plane], attacks };
}

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

/** By how many milliseconds each attack misses its time; NaN where the output has nothing like it. */
function misses(input, output, attacks, speed) {
  const [before, after, range] = [64, 400, 1100];
  return attacks.filter((time) => (time + 0.2) * rate < input.length).map((time) => {
    const from = Math.round(time * rate) - before;
    const expected = Math.round((time / speed) * rate) - before;
    let best = { score: 0.5, lag: NaN };
    for (let lag = -range; lag <= range; lag += 1) {
      let [product, a, b] = [0, 1e-12, 1e-12];
      for (let i = 1; i < before + after; i += 1) {
        const x = input[from + i] - input[from + i - 1];
        const y = (output[expected + lag + i] ?? 0) - (output[expected + lag + i - 1] ?? 0);
        product += x * y;
        a += x * x;
        b += y * y;
      }
      const score = product / Math.sqrt(a * b);
      if (score > best.score) best = { score, lag };
    }
    return (best.lag / rate) * 1000;
  });
}

/** The first `length` seconds of a WAV file, and its attacks. */
function recorded(file, length = Infinity) {
  const { buffer } = Uint8Array.from(readFileSync(file));
  const format = parseHeader(buffer, buffer.byteLength);
  const all = decodeFrames(buffer.slice(format.dataOffset), format);
  const planes = [0, 1].map((channel) => all[Math.min(channel, all.length - 1)].subarray(0, length * rate));
  return { planes, attacks: attacksOf(planes[0]) };
}

const recordings = { "drum kit": kit(), ...(options.drums && { recording: recorded(options.drums, 30) }) };
table(["speed", "sound", "attacks", "median miss", "largest miss", "within 5 ms", "not found"], [0.25, 0.5, 0.7, 0.85, 1.2, 1.5].flatMap((speed) => Object.entries(recordings).map(([name, { planes, attacks }]) => {
  const [output] = stretched(["drums"], [planes], { speed, semitones: 0 });
  keep(`${name} ${speed * 100} %`, output);
  const all = misses(planes[0], output[0], attacks, speed);
  const found = all.filter((miss) => !Number.isNaN(miss)).map(Math.abs).sort((a, b) => a - b);
  return [`${speed * 100} %`, name, attacks.length, `${found[found.length >> 1].toFixed(2)} ms`, `${found.at(-1).toFixed(2)} ms`, found.filter((miss) => miss <= 5).length, all.length - found.length];
})));

// Plucked strings

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

// Stems

const names = ["drums", "bass", "other", "vocals"];
const music = mono((t) => partials.reduce((sum, n) => sum + (0.1 / n) * Math.sin(2 * Math.PI * 110 * n * t), 0), 10);
/** The largest difference of two equal stems: 0 if both are at the same sample. */
const apart = (kind, tuning) => {
  const [[a], [b]] = stretched([kind, kind], [music, music], tuning);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
};
/** Where sounds have come to lie, in samples from their times by the map: clicks of drums, centres of soft bursts of others. */
const misplaced = (kind, tuning) => {
  const times = [2, 15, 28];
  const shape = kind === "drums"
    ? (t) => (times.some((time) => Math.round(t * rate) === time * rate) ? 1 : 0)
    : (t) => times.reduce((sum, time) => sum + Math.exp(-(((t - time) / 0.03) ** 2)), 0) * Math.sin(2 * Math.PI * 330 * t);
  const [[output]] = stretched([kind], [mono(shape, 30)], tuning);
  return times.map((time) => {
    const middle = Math.round((time / tuning.speed) * rate);
    let [moment, energy] = [0, 0];
    for (let i = -rate / 4; i < rate / 4; i += 1) {
      moment += i * output[middle + i] ** 2;
      energy += output[middle + i] ** 2;
    }
    return Math.round(moment / energy);
  });
};
table(["stem", "two equal stems differ by", "sounds at 2, 15 and 28 s miss their times by, 70 %", "share of real time, 70 %", "70 %, +2 semitones"], names.map((name) => {
  const shares = [{ speed: 0.7, semitones: 0 }, { speed: 0.7, semitones: 2, keepsFormants: true }].map((tuning) => {
    const times = Array.from({ length: 5 }, () => {
      const began = performance.now();
      stretched([name], [music], tuning);
      return performance.now() - began;
    }).sort((a, b) => a - b);
    return `${((times[2] / (10000 / tuning.speed)) * 100).toFixed(1)} %`;
  });
  return [name, apart(name, { speed: 0.7, semitones: 0 }), `${misplaced(name, { speed: 0.7, semitones: 0 }).join(", ")} samples`, ...shares];
}));
