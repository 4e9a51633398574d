// The engine in headless Chromium, against the native program: with relaxed SIMD, real workers, and pages that are isolated or
// not. Tests/system/test_web sets WEB, PROGRAM and TRACK.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startChromium } from "./chromium.mjs";
import { nativeSettings, nativeStems, nativeStemsOf, settings } from "./native.mjs";
import { digest, readWAV, worstSignalToNoise } from "./sound.mjs";

const { WEB, PROGRAM, TRACK } = process.env;
const types = { js: "text/javascript", wasm: "application/wasm", html: "text/html" };
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Separates the track with a model, `{ file }` or `{ name }`, and posts what it finds. */
async function separateOnPage(model, options, settings) {
  const post = (path, body) => fetch(path, { method: "POST", body });
  try {
    const { load } = await import("/swift-demucs.js");
    const track = await (await fetch("/track")).arrayBuffer();
    const half = track.byteLength / 2;
    const channels = [new Float32Array(track, 0, half / 4), new Float32Array(track, half)];
    const began = performance.now();
    const opened = model.name ?? new File([await (await fetch(`/${model.file}`)).arrayBuffer()], model.file);
    const engine = await load(opened, options);
    const loaded = performance.now();
    const { sampleRate } = engine;
    const { stems } = await engine.separate({ channels, sampleRate: 44100 }, { ...settings, onProgress: () => post("/progress") });
    const facts = { sampleRate, precision: engine.precision, threads: engine.threads, sources: engine.sources, loading: loaded - began, separating: performance.now() - loaded };
    await post("/stems", new Blob(engine.sources.flatMap((name) => stems[name])));
    engine.close();
    await post("/done", JSON.stringify(facts));
  } catch (error) {
    await post("/done", JSON.stringify({ error: String(error) }));
  }
}

const track = readWAV(TRACK);
const demo = { file: "demo.safetensors" };
let folder;
let expected;
let server;
let chromium;
let receive;
let page;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "test_web_models."));
  expected = nativeStems(...nativeSettings);
  server = createServer(async (request, reply) => {
    const { pathname } = new URL(request.url, "http://host");
    const parts = [];
    for await (const part of request) parts.push(part);
    if (request.method === "POST") {
      receive(pathname, Buffer.concat(parts));
      return reply.end();
    }
    const contents = { ...page.contents, "/": page.html, "/track": Buffer.concat(track.channels.map(({ buffer }) => Buffer.from(buffer))) };
    const headers = page.isIsolated ? isolation : {};
    try {
      const body = contents[pathname] ?? readFileSync(join(WEB, pathname));
      reply.writeHead(200, { ...headers, "Content-Type": types[(pathname === "/" ? "x.html" : pathname).split(".").at(-1)] ?? "application/octet-stream" }).end(body);
    } catch {
      reply.writeHead(404, headers).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(async () => {
  await chromium?.stop();
  rmSync(folder, { recursive: true });
  server.close();
  server.closeAllConnections();
});

/** Separates the track on a new page: `{ stems, … }`. The host has the files of `contents`, too. */
async function separate(options, { model = demo, contents = {}, isIsolated = true } = {}) {
  page = { isIsolated, contents, html: `<script type="module">(${separateOnPage})(${JSON.stringify(model)}, ${JSON.stringify(options)}, ${JSON.stringify(settings)})</script>` };
  let samples;
  let limit;
  const facts = new Promise((resolve, reject) => {
    // Against hangs: a page shows that it goes on.
    limit = setTimeout(() => reject(new Error("nothing has come from the page for 30 s")), 30_000);
    receive = (path, body) => {
      limit.refresh();
      if (path === "/stems") samples = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length));
      if (path === "/done") resolve(JSON.parse(body));
    };
    startChromium(`http://127.0.0.1:${server.address().port}/`).then((started) => {
      chromium = started;
      started.ended.then(() => reject(new Error("Chromium ended")));
    }, reject);
  });
  const { error, sources, ...rest } = await facts.finally(() => clearTimeout(limit));
  await chromium.stop();
  assert.equal(error, undefined);
  const count = samples.length / sources.length / 2;
  const stems = Object.fromEntries(sources.map((name, index) => [name, [0, 1].map((channel) => samples.subarray((2 * index + channel) * count, (2 * index + channel + 1) * count))]));
  console.log(rest);
  return { stems, ...rest };
}

/** Refuses stems with a signal-to-noise ratio below a number of decibels. */
function requireRatio(least, native, stems) {
  const ratio = worstSignalToNoise(native, stems);
  assert.ok(ratio >= least, `${ratio} dB`);
}

test("the stems are those of the native program, the same bits on 1, 2 and 4 threads", async () => {
  const single = await separate({ threads: 1 });
  // Relaxed SIMD rounds as the CPU does, so the bound is in dB.
  requireRatio(110, expected, single.stems);
  for (const threads of [2, 4]) {
    const several = await separate({ threads });
    assert.equal(several.threads, threads);
    assert.equal(digest(several.stems), digest(single.stems));
  }
  const plain = await separate({ threads: 4 }, { isIsolated: false });
  assert.equal(plain.threads, 1);
  assert.equal(digest(plain.stems), digest(single.stems));
});

test("INT8 keeps 36 dB against float32", async () => {
  const { stems, precision } = await separate({ precision: "int8" });
  assert.equal(precision, "int8");
  requireRatio(36, expected, stems);
});

/** Each file as a user would give it, at its own precision, against the command with the same file. */
const formats = fileURLToPath(new URL("../Fixtures/weights/formats", import.meta.url));
for (const name of ["model.th", "legacy.th", "hdemucs.th", "hdemucs.safetensors"]) {
  test(`${name} gives the stems of the command`, async () => {
    const path = join(formats, name);
    const { stems } = await separate({}, { model: { file: name }, contents: { [`/${name}`]: readFileSync(path) } });
    requireRatio(110, nativeStemsOf({ model: path }, ...nativeSettings), stems);
  });
}

test("a file with INT8 weights gives the stems of the command", async () => {
  const path = join(folder, "int8.safetensors");
  execFileSync(PROGRAM, ["quantize", join(WEB, "demo.safetensors"), "-o", path], { stdio: "pipe" });
  const contents = { "/int8.safetensors": readFileSync(path) };
  const native = (precision) => nativeStemsOf({ model: path }, "--precision", precision, ...nativeSettings);
  const own = await separate({}, { model: { file: "int8.safetensors" }, contents });
  assert.equal(own.precision, "int8");
  // Other sums of the transformer's and the norms' floats round some activations to the next of 255 steps.
  requireRatio(40, native("int8"), own.stems);
  const exact = await separate({ precision: "float32" }, { model: { file: "int8.safetensors" }, contents });
  requireRatio(110, native("float32"), exact.stems);
});

/** The demo model with other weights: the lower half of each mantissa is drawn from a seed. */
function redrawn(bytes, seed) {
  const file = Buffer.from(bytes);
  let state = seed;
  for (let at = 8 + Number(file.readBigUInt64LE(0)); at < file.length; at += 2) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    file[at] ^= state >>> 27;
  }
  return file;
}

test("a bag of fine-tuned models by name gives the stems of the command", async () => {
  const demoBytes = readFileSync(join(WEB, "demo.safetensors"));
  const names = ["a1", "b2", "c3", "d4"];
  const weights = names.map((_, row) => names.map((__, column) => Number(row === column)));
  const contents = {};
  const address = `http://127.0.0.1:${server.address().port}`;
  const members = names.map((signature, index) => {
    const bytes = redrawn(demoBytes, index + 1);
    const hash = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(folder, `${signature}.safetensors`), bytes);
    contents[`/resolve/${signature}.safetensors`] = bytes;
    contents[`/raw/${signature}.safetensors`] = `version https://git-lfs.github.com/spec/v1\noid sha256:${hash}\nsize ${bytes.length}\n`;
    return { signature, hubAddress: `${address}/resolve/${signature}.safetensors`, torchAddress: `${address}/${signature}-${hash.slice(0, 8)}.th`, torchChecksum: hash };
  });
  const bag = { name: "small_ft", summary: "a bag", sources: ["drums", "bass", "other", "vocals"], downloadMegabytes: 19, members, weights, segmentSeconds: 3 };
  contents["/models.json"] = JSON.stringify({ models: [bag] });
  writeFileSync(join(folder, "small_ft.yaml"), `models: [${names.join(", ")}]\nweights: ${JSON.stringify(weights)}\nsegment: 3\n`);
  const { stems } = await separate({ precision: "float32" }, { model: { name: "small_ft" }, contents });
  requireRatio(110, nativeStemsOf({ model: join(folder, "small_ft.yaml") }, ...nativeSettings), stems);
});
