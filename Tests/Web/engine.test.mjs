// The engine for browsers in node, against the native program. Tests/system/test_web sets WEB, the folder of the engine,
// PROGRAM, the native program, TRACK, a float WAV file, and DAMAGED, a folder of damaged models.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { endWorkers, imitateBrowser } from "./browser.mjs";
import { nativeAnalysis, nativeOutputs, nativeSettings, nativeStems, nativeStemsOf, settings } from "./native.mjs";
import { digest, readWAV, worstSignalToNoise, writeWAV } from "./sound.mjs";

const { WEB, TRACK, DAMAGED } = process.env;
imitateBrowser();
const { load } = await import(pathToFileURL(join(WEB, "swift-demucs.js")));
const model = readFileSync(join(WEB, "demo.safetensors")).buffer;
const track = readWAV(TRACK);

/** Loads the demo model, calls `body` with the engine, and closes it. */
async function withEngine(options, body) {
  const engine = await load(model, options);
  try {
    return await body(engine);
  } finally {
    engine.close();
  }
}

/** Calls `body` with an engine on a page that may share memory or not. */
async function onPage(isIsolated, options, body) {
  imitateBrowser({ isIsolated });
  try {
    await withEngine(options, body);
  } finally {
    imitateBrowser();
  }
}

/** The stems with `settings` in float32: of the native program, and of the engine on one thread. */
let expected;
let single;

// The example leaves its engine open.
after(() => endWorkers());

before(async () => {
  expected = nativeStems(...nativeSettings);
  single = await withEngine({ threads: 1 }, async (engine) => (await engine.separate(track, settings)).stems);
});

test("a module of the engine is at most 510 KB on the way", () => {
  for (const set of ["simd128", "relaxedsimd"]) {
    const { length } = gzipSync(readFileSync(join(WEB, `engine_${set}.wasm`)), { level: 9 });
    assert.ok(length <= 510_000, `${set}: ${length} bytes`);
  }
});

test("an engine says what it is", () => withEngine({ threads: 2, precision: "bfloat16" }, (engine) => {
  assert.deepEqual(engine.sources, ["drums", "bass", "other", "vocals"]);
  assert.equal(engine.sampleRate, 44100);
  assert.equal(engine.precision, "bfloat16");
  assert.equal(engine.threads, 2);
  assert.deepEqual(engine.warnings, []);
}));

test("the stems of a track are those of the native program", () => {
  const ratio = worstSignalToNoise(expected, single);
  // Sums are in another order. 120 dB are a millionth of the amplitude.
  assert.ok(ratio >= 120, `${ratio} dB`);
});

for (const [precision, least] of [["bfloat16", 40], ["int8", 36]]) {
  test(`${precision} keeps ${least} dB against float32`, () => withEngine({ precision }, async (engine) => {
    const { stems } = await engine.separate(track, settings);
    const ratio = worstSignalToNoise(expected, stems);
    assert.ok(ratio >= least, `${ratio} dB`);
  }));
}

for (const threads of [2, 4]) {
  test(`${threads} threads give the bits of one`, () => withEngine({ threads }, async (engine) => {
    assert.equal(engine.threads, threads);
    const { stems } = await engine.separate(track, settings);
    assert.equal(digest(stems), digest(single));
  }));
}

test("a page that may not share memory gets the same bits on one thread", () => onPage(false, { threads: 4 }, async (engine) => {
  assert.equal(engine.threads, 1);
  assert.equal(digest((await engine.separate(track, settings)).stems), digest(single));
}));

test("pieces come in order and make up the stems", () => withEngine({}, async (engine) => {
  const pieces = [];
  const fractions = [];
  const { stems } = await engine.separate(track, {
    ...settings, collect: false, onStems: (piece) => pieces.push(piece), onProgress: ({ fraction }) => fractions.push(fraction),
  });
  assert.deepEqual(stems, {});
  let start = 0;
  for (const piece of pieces) {
    assert.equal(piece.start, start);
    const end = start + piece.stems.drums[0].length;
    const expectedPiece = Object.fromEntries(Object.entries(single).map(([name, channels]) => [name, channels.map((channel) => channel.slice(start, end))]));
    assert.equal(digest(piece.stems), digest(expectedPiece));
    start = end;
  }
  assert.equal(start, track.channels[0].length);
  assert.ok(fractions.length > 2);
  assert.equal(fractions[0], 0);
  assert.equal(fractions.at(-1), 1);
  assert.deepEqual(fractions, [...fractions].sort((one, other) => one - other));
}));

test("a track's tempo, beats and key are those of the native program", () => withEngine({ precision: "float32" }, async (engine) => {
  const native = nativeAnalysis();
  const found = await engine.analyze(track);
  assert.deepEqual(Object.keys(found).sort(), Object.keys(native).sort());
  assert.equal(found.key, native.key);
  assert.equal(found.metre, native.metre);
  assert.ok(native.tempo_bpm > 0);
  // The stems differ by a millionth, which may move a beat by a frame of 10 ms.
  assert.ok(Math.abs(found.tempo_bpm - native.tempo_bpm) < 0.1, `${found.tempo_bpm} ${native.tempo_bpm}`);
  for (const name of ["beats", "downbeats"]) {
    assert.equal(found[name].length, native[name].length);
    found[name].forEach((time, index) => assert.ok(Math.abs(time - native[name][index]) < 0.011, `${name} ${index}`));
  }
}));

test("the analysis of a separation that goes on is that of a whole one", () => withEngine({}, async (engine) => {
  const { stems, analysis } = await engine.separate(track, { ...settings, analyze: true });
  const start = 100_001;
  const finished = Object.fromEntries(Object.entries(stems).map(([name, channels]) => [name, channels.map((channel) => channel.slice(0, start))]));
  const options = { ...settings, start, collect: false };
  assert.deepEqual((await engine.separate(track, { ...options, analyze: true, finished })).analysis, analysis);
  assert.equal((await engine.separate(track, options)).analysis, null);
  await assert.rejects(engine.separate(track, { ...options, analyze: true }), /finished lacks the 100001 samples of drums/);
  await assert.rejects(engine.separate(track, { ...options, analyze: true, finished: stems }), /finished lacks/);
}));

test("other rates and mono are converted as natively", () => withEngine({}, async (engine) => {
  const folder = mkdtempSync(join(tmpdir(), "test_web."));
  try {
    for (const [channels, sampleRate] of [[track.channels.slice(0, 1), 48000], [track.channels, 32000]]) {
      const sound = { channels: channels.map((samples) => samples.slice(0, 96000)), sampleRate };
      const path = join(folder, `${sampleRate}.wav`);
      writeWAV(path, sound);
      const { stems } = await engine.separate(sound, { shifts: 0 });
      const ratio = worstSignalToNoise(nativeStemsOf({ track: path }, "--shifts", "0"), stems);
      // Sums are in another order, which shows more in the few seconds of a quiet stem.
      assert.ok(ratio >= 100, `${sampleRate} Hz: ${ratio} dB`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}));

test("a separation that goes on gives the bits of a whole one", () => withEngine({}, async (engine) => {
  const start = 100_001;
  let first = null;
  const { stems } = await engine.separate(track, { ...settings, start, onStems: (piece) => (first ??= piece.start) });
  assert.equal(first, start);
  assert.equal(digest(stems), digest(Object.fromEntries(Object.entries(single).map(([name, channels]) => [name, channels.map((channel) => channel.slice(start))]))));
  await assert.rejects(engine.separate(track, { start: track.channels[0].length }), /start: the track has/);
}));

for (const isIsolated of [true, false]) {
  test(`a cancelled separation ends, and another one begins (shared memory: ${isIsolated})`, () => onPage(isIsolated, {}, async (engine) => {
    const controller = new AbortController();
    const cancelled = engine.separate(track, { ...settings, signal: controller.signal, onStems: () => controller.abort() });
    await assert.rejects(cancelled, { name: "AbortError" });
    assert.equal(digest((await engine.separate(track, settings)).stems), digest(single));
  }));
}

test("a separation that is cancelled in its first moment gives no stems", () => withEngine({}, async (engine) => {
  const { parseHeader } = await import(pathToFileURL(join(WEB, "wav.js")));
  const { buffer, byteLength } = Uint8Array.from(readFileSync(TRACK));
  const header = parseHeader(buffer, byteLength);
  const controller = new AbortController();
  let pieces = 0;
  // The worker first loads its module for files.
  const cancelled = engine.separate({ file: new Blob([buffer]), header, sampleRate: header.sampleRate }, { ...settings, signal: controller.signal, onStems: () => { pieces += 1; } });
  controller.abort();
  await assert.rejects(cancelled, { name: "AbortError" });
  assert.equal(pieces, 0);
  assert.equal(digest((await engine.separate(track, settings)).stems), digest(single));
}));

test("a fault of the page's function ends its call alone", () => withEngine({}, async (engine) => {
  const onStems = () => {
    throw new Error("no room");
  };
  await assert.rejects(engine.separate(track, { onStems }), { message: "no room" });
  assert.equal(digest((await engine.separate(track, settings)).stems), digest(single));
}));

test("options and tracks that don't fit are refused in a sentence", () => withEngine({}, async (engine) => {
  const refused = (sound, options, words) => assert.rejects(engine.separate(sound, options), words);
  await refused(track, { shifts: 101 }, /'101.*' is invalid for 'shifts': expected a number from 0 to 100/);
  await refused(track, { overlap: 1 }, /overlap/);
  await refused(track, { seed: -1 }, /seed/);
  await refused(track, { start: -1 }, /-1 is invalid for start; use a whole number from 0/);
  await refused(track, { pitch: 2 }, /unknown field 'pitch'/);
  await refused(track, { stems: "harp" }, /one of drums, bass, other, vocals/);
  await refused(track, { "two-stems": "bass", stems: ["bass"] }, /can't be combined/);
  await refused(track, { precision: "int8" }, /in which the model was loaded/);
  await refused(track, { "output-rate": "input" }, /expected model/);
  await refused(track, { then: "drums=demo" }, /one model/);
  await refused({ channels: [], sampleRate: 44100 }, {}, /channels/);
  await refused({ channels: track.channels, sampleRate: 10 }, {}, /sampleRate/);
  await refused({ channels: [new Float32Array(0)], sampleRate: 44100 }, {}, /at least one/);
  await refused({ channels: [Float32Array.of(0, NaN)], sampleRate: 44100 }, {}, /finite/);
  await assert.rejects(load(model, { precision: "float64" }), /float64.*precision/);
}));

test("settings choose the outputs that the native program writes", async () => {
  const { plan } = await import(pathToFileURL(join(WEB, "swift-demucs.js")));
  const sources = ["drums", "bass", "other", "vocals"];
  for (const wanted of [{}, { "two-stems": "vocals" }, { "two-stems": "vocals", "other-method": "minus", residual: true }, { stems: ["vocals", "drums"] },
    { mix: ["karaoke=drums+bass", "rest=mixture-vocals"], stems: "karaoke,rest" }]) {
    const { outputs, settings: values } = await plan(wanted, sources);
    assert.deepEqual(outputs.map(({ name }) => name).sort(), nativeOutputs(wanted).sort());
    assert.equal(values.shifts, 1);
  }
  await assert.rejects(plan({ stems: "harp" }, sources), /one of drums, bass, other, vocals/);
  await withEngine({ precision: "float32" }, async (engine) => {
    const wanted = { "two-stems": "vocals", "other-method": "minus", residual: true };
    let planned;
    const { stems } = await engine.separate(track, { ...settings, ...wanted, onPlan: (plan) => (planned = plan) });
    assert.deepEqual(Object.keys(stems), ["minus_vocals", "vocals", "residual"]);
    assert.equal(planned.settings.seed, settings.seed);
    const ratio = worstSignalToNoise(nativeStems(...nativeSettings, "--two-stems", "vocals", "--other-method", "minus", "--residual"), stems);
    // The residual is a hundredth of the track.
    assert.ok(ratio >= 80, `${ratio} dB`);
  });
});

test("the example of docs/web.md separates a file", async () => {
  const [, code] = readFileSync(new URL("../../docs/web.md", import.meta.url), "utf8").match(/```js\n(.*?)```/s);
  const elements = { output: {}, "input[type=file]": {}, button: {} };
  const played = new Promise((resolve) => {
    const buffer = { channels: [], copyToChannel: (samples, channel) => (buffer.channels[channel] = samples) };
    globalThis.document = { querySelector: (selector) => elements[selector] };
    globalThis.AudioContext = class {
      createBuffer = () => buffer;
    };
    globalThis.AudioBufferSourceNode = class {
      connect() {}
      start() {
        resolve(buffer.channels);
      }
    };
  });
  // The browser's decoders of a song; the samples are those of the track.
  globalThis.Audio = class {
    duration = track.channels[0].length / track.sampleRate;
    set src(address) {
      queueMicrotask(() => this.onloadedmetadata());
    }
  };
  globalThis.OfflineAudioContext = class {
    decodeAudioData = async () => ({ numberOfChannels: track.channels.length, getChannelData: (channel) => track.channels[channel] });
  };
  const address = (path) => pathToFileURL(join(WEB, path)).href;
  // The demo model by its address, because names need the list of models.
  const example = code.replace("./engine/swift-demucs.js", address("swift-demucs.js")).replace('"demo"', JSON.stringify(address("demo.safetensors")));
  await import(`data:text/javascript,${encodeURIComponent(example)}`);
  const file = new Blob([readFileSync(new URL("../../Models/demo_track.ogg", import.meta.url))]);
  const separating = elements["input[type=file]"].onchange({ target: { files: [file] } });
  const drums = await played;
  await separating;
  assert.equal(elements.output.textContent, "100 %");
  assert.deepEqual(drums.map(({ length }) => length), track.channels.map(({ length }) => length));
});

test("a closed engine says so", async () => {
  const engine = await load(model);
  engine.close();
  await assert.rejects(engine.separate(track), /closed/);
});

test("a file that is no model is refused with its reason", async () => {
  await assert.rejects(load(new TextEncoder().encode("no model at all").buffer), /not a checkpoint/);
  await assert.rejects(load(new ArrayBuffer(0)), /empty|not a checkpoint/);
  const onnx = readFileSync(new URL("../Fixtures/weights/formats/whole.onnx", import.meta.url));
  await assert.rejects(load(onnx), /swift-demucs convert/);
  await assert.rejects(load(pathToFileURL(join(WEB, "missing.safetensors"))), /404.*check the address/);
});

test("a lack of memory ends the engine in words, and another one works", async () => {
  const folder = mkdtempSync(join(tmpdir(), "test_web."));
  try {
    cpSync(WEB, folder, { recursive: true });
    const path = join(folder, "engine_worker.js");
    writeFileSync(path, readFileSync(path, "utf8").replace("maximum: 32768", "maximum: 900"));
    const small = await import(pathToFileURL(join(folder, "swift-demucs.js")));
    const engine = await small.load(model);
    await assert.rejects(engine.separate(track), { name: "EngineFailure", message: /ran out of memory/ });
    await assert.rejects(engine.separate(track), { name: "EngineFailure" });
  } finally {
    rmSync(folder, { recursive: true });
  }
  await withEngine({}, async (engine) => assert.equal(digest((await engine.separate(track, settings)).stems), digest(single)));
});

test("damaged files of every format are refused, or loaded, but never end a page", async () => {
  const { damagedFiles } = await import("./damaged.mjs");
  const outcome = await damagedFiles(join(WEB, "engine_simd128.wasm"), DAMAGED);
  console.log(outcome);
  assert.ok(outcome.files >= 3000);
  assert.equal(outcome.traps, 0);
  await withEngine({}, (engine) => assert.equal(engine.precision, "float32"));
});
