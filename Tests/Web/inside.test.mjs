// The values inside the network, and changes of them, in the engine for browsers and in `swift-demucs trace`. Tests/system/test_web
// sets WEB, PROGRAM and TRACK.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { endWorkers, imitateBrowser } from "./browser.mjs";
import { digest, readWAV, signalToNoise, writeWAV } from "./sound.mjs";

const { WEB, PROGRAM, TRACK } = process.env;
imitateBrowser();
const { load } = await import(pathToFileURL(join(WEB, "swift-demucs.js")));
const fixture = (name) => new URL(`../Fixtures/models/${name}.safetensors`, import.meta.url).pathname;
/** The bundled model, and seeded ones of the classes HTDemucs and HDemucs. */
const models = { demo: join(WEB, "demo.safetensors"), htdemucs: fixture("half"), hdemucs: fixture("hybrid_half") };
const folder = mkdtempSync(join(tmpdir(), "test_web."));
after(() => {
  rmSync(folder, { recursive: true });
  // An engine that a failed test leaves open.
  endWorkers();
});

/** The tensors of a safetensors file of float32: `{ name: { shape, values } }`. */
function readTensors(path) {
  const { buffer } = Uint8Array.from(readFileSync(path));
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  return Object.fromEntries(Object.entries(header).filter(([name]) => name !== "__metadata__").map(([name, { shape, data_offsets: [from, to] }]) =>
    [name, { shape, values: new Float32Array(buffer.slice(8 + size + from, 8 + size + to)) }]));
}

/** One segment of music for an engine, also as a file for the program. With noise: the phases of a silent band are rounding. */
function pieceFor(engine) {
  const { sampleRate, architecture } = engine;
  const count = Math.round(architecture.segmentSeconds * sampleRate);
  let state = 1;
  const noise = () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
  const piece = { channels: readWAV(TRACK).channels.map((channel) => channel.slice(0, count).map((sample) => sample + 0.02 * noise())), sampleRate };
  const path = join(folder, `${count}.wav`);
  writeWAV(path, piece);
  return { piece, path };
}

function nativeTrace(model, track, edits, ...options) {
  const out = join(folder, "trace.safetensors");
  execFileSync(PROGRAM, ["trace", "-n", model, "--precision", "float32", "-o", out, ...options, ...edits.flatMap((edit) => ["--edit", edit]), track], { stdio: "pipe" });
  return readTensors(out);
}

/** The values of a pass in the browser's engine, and its stems. */
async function values(engine, piece, patterns, edits = []) {
  const found = {};
  const { stems } = await engine.separate(piece, { shifts: 0, overlap: 0, edits, values: patterns, onValue: (value) => { found[value.name] = value; } });
  return { found, stems };
}

function assertEqual(found, native, what = "") {
  assert.deepEqual(Object.keys(found).sort(), Object.keys(native).sort());
  for (const [name, { shape, values: expected }] of Object.entries(native)) {
    assert.deepEqual(found[name].shape, shape, name);
    const ratio = signalToNoise([expected], [found[name].values]);
    // Equal values, as zeros, give no number.
    assert.ok(ratio >= 100 || Number.isNaN(ratio), `${what} ${name}: ${ratio} dB`);
  }
}

for (const [name, path] of Object.entries(models)) {
  test(`every value of ${name} is that of trace`, async () => {
    const engine = await load(readFileSync(path).buffer, { precision: "float32" });
    const { piece, path: track } = pieceFor(engine);
    const { found } = await values(engine, piece, "*");
    assertEqual(found, nativeTrace(path, track, []));
    engine.close();
  });
}

test("edits are those of trace", async () => {
  const engine = await load(readFileSync(models.htdemucs).buffer, { precision: "float32" });
  const { piece, path } = pieceFor(engine);
  const plain = (await values(engine, piece, "")).stems;
  for (const edits of [
    ["encoder.1=zero"], ["tencoder.0.skip=zero", "encoder.1.skip=scale:2"], ["decoder.1=set:0.1"], ["crosstransformer.pos_emb*=permute:0"],
    ["crosstransformer.layers.1.cross_attn.weights.1=zero"], ["output=phase:mag"], ["mix=scale:0.5"], ["*gamma_?.scale=scale:2"], ["encoder.*weight=quantise:4", "tdecoder.0=permute:0"],
  ]) {
    const { found, stems } = await values(engine, piece, "output,add_67,final", edits);
    assertEqual(found, nativeTrace(models.htdemucs, path, edits, "--only", "output,add_67,final"), edits.join());
    assert.notEqual(digest(stems), digest(plain), edits.join());
  }
  const weights = "crosstransformer.layers_t.1.cross_attn.weights.0";
  assertEqual((await values(engine, piece, weights)).found, nativeTrace(models.htdemucs, path, [], "--only", "", "--attention", "layers_t.1:0"));
  // Nothing of an edit stays.
  assert.equal(digest((await values(engine, piece, "")).stems), digest(plain));
  assert.equal(digest((await values(engine, piece, "mix", ["*=scale:1"])).stems), digest((await values(engine, piece, "mix")).stems));
  await assert.rejects(values(engine, piece, "", ["encoder.9=zero"]), /No value and no parameter of the model has a name like encoder\.9/);
  await assert.rejects(values(engine, piece, "", ["encoder.1=loud"]), /encoder\.1=loud is invalid for edit: NAME=zero/);
  await assert.rejects(values(engine, piece, "", ["mix=permute:7"]), /an axis of mix, which has 2, counted from 0/);
  // The model can't be loaded with it, now or again.
  for (let time = 0; time < 2; time += 1) await assert.rejects(values(engine, piece, "", ["encoder.0.conv.weight=permute:7"]), /an axis of encoder\.0\.conv\.weight/);
  assert.equal(digest((await values(engine, piece, "")).stems), digest(plain));
  engine.close();
});

test("parameters are those of the file", async () => {
  const engine = await load(readFileSync(models.htdemucs).buffer, { precision: "float32" });
  const found = await engine.parameters("encoder.0.conv.*");
  assert.deepEqual(Object.keys(found).sort(), ["encoder.0.conv.bias", "encoder.0.conv.weight"]);
  for (const { name, shape, values: numbers } of Object.values(found)) {
    assert.deepEqual(shape, engine.architecture.shapes[name]);
    assert.equal(numbers.length, shape.reduce((a, b) => a * b, 1));
    assert.ok(numbers.every(Number.isFinite));
  }
  engine.close();
});

test("blocks end in their order, each once a pass", async () => {
  const engine = await load(readFileSync(models.demo).buffer);
  const { piece } = pieceFor(engine);
  const blocks = [];
  await engine.separate(piece, { shifts: 0, overlap: 0, onBlock: (name, milliseconds) => blocks.push([name, milliseconds]) });
  assert.deepEqual(blocks.slice(0, 2).map(([name]) => name), ["begin", "stft"]);
  assert.equal(blocks.at(-1)[0], "istft");
  for (const name of ["encoder.3", "tencoder.0", "decoder.0", "tdecoder.3"]) assert.equal(blocks.filter(([block]) => block === name).length, 1, name);
  blocks.reduce((before, [, milliseconds]) => (assert.ok(milliseconds >= before), milliseconds), 0);
  engine.close();
});
