// The engine in headless Chromium, against the native program: with relaxed SIMD, real workers, and pages that are isolated or
// not. Tests/system/test_web sets WEB, PROGRAM and TRACK.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startChromium } from "./chromium.mjs";
import { nativeSettings, nativeStems, settings } from "./native.mjs";
import { digest, readWAV, worstSignalToNoise } from "./sound.mjs";

const { WEB, TRACK } = process.env;
const types = { js: "text/javascript", wasm: "application/wasm", html: "text/html" };
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Separates the track with the demo model, and posts what it finds. */
async function separateOnPage(options, settings) {
  const post = (path, body) => fetch(path, { method: "POST", body });
  try {
    const { load } = await import("/swift-demucs.js");
    const track = await (await fetch("/track")).arrayBuffer();
    const half = track.byteLength / 2;
    const channels = [new Float32Array(track, 0, half / 4), new Float32Array(track, half)];
    const began = performance.now();
    const engine = await load(new URL("/demo.safetensors", location), options);
    const loaded = performance.now();
    const { stems } = await engine.separate({ channels, sampleRate: 44100 }, settings);
    const facts = { precision: engine.precision, threads: engine.threads, sources: engine.sources, loading: loaded - began, separating: performance.now() - loaded };
    await post("/stems", new Blob(engine.sources.flatMap((name) => stems[name])));
    engine.close();
    await post("/done", JSON.stringify(facts));
  } catch (error) {
    await post("/done", JSON.stringify({ error: String(error) }));
  }
}

const track = readWAV(TRACK);
let expected;
let server;
let chromium;
let receive;
let page;

before(async () => {
  expected = nativeStems(...nativeSettings);
  server = createServer(async (request, reply) => {
    const { pathname } = new URL(request.url, "http://host");
    const parts = [];
    for await (const part of request) parts.push(part);
    if (request.method === "POST") {
      receive(pathname, Buffer.concat(parts));
      return reply.end();
    }
    const contents = { "/": page.html, "/track": Buffer.concat(track.channels.map(({ buffer }) => Buffer.from(buffer))) };
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
  server.close();
  server.closeAllConnections();
});

/** Separates the track on a new page: `{ stems, … }`. */
async function separate(options, isIsolated = true) {
  page = { isIsolated, html: `<script type="module">(${separateOnPage})(${JSON.stringify(options)}, ${JSON.stringify(settings)})</script>` };
  let samples;
  const facts = new Promise((resolve, reject) => {
    receive = (path, body) => {
      if (path === "/stems") samples = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length));
      else resolve(JSON.parse(body));
    };
    startChromium(`http://127.0.0.1:${server.address().port}/`).then((started) => {
      chromium = started;
      started.ended.then(() => reject(new Error("Chromium ended")));
    }, reject);
  });
  const { error, sources, ...rest } = await facts;
  await chromium.stop();
  assert.equal(error, undefined);
  const count = track.channels[0].length;
  const stems = Object.fromEntries(sources.map((name, index) => [name, [0, 1].map((channel) => samples.subarray((2 * index + channel) * count, (2 * index + channel + 1) * count))]));
  console.log({ ...rest, ratio: worstSignalToNoise(expected, stems) });
  return { stems, ...rest };
}

test("the stems are those of the native program, the same bits on 1, 2 and 4 threads", async () => {
  const single = await separate({ threads: 1 });
  // Relaxed SIMD rounds as the CPU does, so the bound is in dB.
  assert.ok(worstSignalToNoise(expected, single.stems) >= 110);
  for (const threads of [2, 4]) {
    const several = await separate({ threads });
    assert.equal(several.threads, threads);
    assert.equal(digest(several.stems), digest(single.stems));
  }
  const plain = await separate({ threads: 4 }, false);
  assert.equal(plain.threads, 1);
  assert.equal(digest(plain.stems), digest(single.stems));
});

test("INT8 keeps 36 dB against float32", async () => {
  const { stems, precision } = await separate({ precision: "int8" });
  assert.equal(precision, "int8");
  assert.ok(worstSignalToNoise(expected, stems) >= 36);
});
