// Downloads of models, with a storage in memory.

import assert from "node:assert/strict";
import { File } from "node:buffer";
import { randomBytes, webcrypto } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { Models } from "../../web/engine/models.js";
import { MemoryStorage } from "../../web/engine/storage.js";
import { digits, ModelServer } from "./model_server.mjs";

// Node 18 has these, but not as globals.
globalThis.crypto ??= webcrypto;
globalThis.File ??= File;

const bytes = randomBytes(3_000_000);
const checksum = digits(bytes);
const torchFile = `aa-${checksum.slice(0, 8)}.th`;
const part = `models/${torchFile}.part`;
let server;
let storage;
let models;

before(async () => {
  server = await ModelServer.start();
});
after(() => server.stop());

beforeEach(() => {
  server.requests = [];
  server.takesRanges = true;
  server.files = { [`/${torchFile}`]: bytes };
  storage = new MemoryStorage();
  models = modelsOf();
});

function modelsOf({ torchChecksum = checksum } = {}) {
  const member = {
    signature: "aa",
    hubAddress: `${server.address}/a/A/resolve/main/aa.safetensors`,
    torchAddress: `${server.address}/${torchFile}`,
    torchChecksum,
  };
  const model = { name: "aaa", summary: "one", sources: ["x"], downloadMegabytes: 3, members: [member], weights: null, segmentSeconds: null };
  return new Models({ models: [model] }, storage);
}

const open = (options) => models.open("aaa", { base: `${server.address}/`, ...options });
const content = async (blob) => Buffer.from(await blob.arrayBuffer());
const entry = async () => (await models.list()).find(({ name }) => name === "aaa");

test("a model is downloaded once, with progress", async () => {
  const seen = [];
  const model = await open({ onProgress: (progress) => seen.push(progress) });
  assert.equal(model.weights, null);
  assert.deepEqual(model.files.map(({ name }) => name), [torchFile]);
  assert.deepEqual(await content(model.files[0].blob), bytes);
  assert.deepEqual(seen.at(-1), { state: "verifying", receivedBytes: bytes.length, totalBytes: bytes.length });
  const received = seen.map(({ receivedBytes }) => receivedBytes);
  assert.deepEqual(received, [...received].sort((one, other) => one - other));
  await open();
  assert.equal(server.requests.length, 1);
  assert.equal(await storage.file(part), null);
});

test("the list says what is stored, and what is downloaded", async () => {
  const names = (await models.list()).map(({ name, kind }) => `${name} ${kind}`);
  assert.deepEqual(names, ["demo demo", "aaa published"]);
  assert.deepEqual([(await entry()).isStored, (await entry()).storedBytes, (await entry()).downloadBytes], [false, 0, 3_000_000]);
  await open();
  assert.deepEqual([(await entry()).isStored, (await entry()).storedBytes], [true, bytes.length]);
  await models.remove("aaa");
  assert.deepEqual([(await entry()).isStored, (await entry()).storedBytes], [false, 0]);
});

test("a download that breaks off goes on by itself", async () => {
  server.files[`/${torchFile}`] = (count) => ({ body: bytes, stopAfter: count === 0 ? 1_500_000 : undefined });
  const states = new Set();
  const { files } = await open({
    onProgress: ({ state, receivedBytes }) => {
      states.add(state);
      if (state === "downloading" && receivedBytes === 1_500_000) server.breakOff();
    },
  });
  assert.deepEqual(await content(files[0].blob), bytes);
  assert.deepEqual(server.requests.map(({ start }) => start), [null, 1_500_000]);
  assert.deepEqual([...states], ["downloading", "waiting", "verifying"]);
});

test("a cancelled download keeps its bytes, and the next one goes on", async () => {
  const stop = new AbortController();
  const cancelled = open({ signal: stop.signal, onProgress: ({ receivedBytes }) => receivedBytes > 1_000_000 && stop.abort() });
  await assert.rejects(cancelled, { name: "AbortError" });
  const kept = await storage.size(part);
  assert.ok(kept >= 1_000_000 && kept < bytes.length, `${kept}`);
  assert.equal((await entry()).storedBytes, kept);
  await open();
  assert.equal(server.requests.at(-1).start, kept);
});

test("a server without ranges sends the file from the start", async () => {
  await storage.append(part, bytes.subarray(0, 500_000).slice());
  server.takesRanges = false;
  assert.deepEqual(await content((await open()).files[0].blob), bytes);
});

test("a part that is complete is only verified", async () => {
  await storage.append(part, bytes.slice());
  assert.deepEqual(await content((await open()).files[0].blob), bytes);
  assert.deepEqual(server.requests.map(({ start }) => start), [bytes.length]);
});

test("wrong bytes of an earlier download are replaced", async () => {
  await storage.append(part, new Uint8Array(500_000));
  assert.deepEqual(await content((await open()).files[0].blob), bytes);
  assert.deepEqual(server.requests.map(({ start }) => start), [500_000, null]);
});

test("a file with another checksum is refused and removed", async () => {
  server.files[`/${torchFile}`] = randomBytes(1000);
  await assert.rejects(open(), { name: "DownloadError", message: new RegExp(`127.0.0.1:\\d+ sent a file whose SHA-256 doesn't begin with ${checksum}`) });
  assert.equal((await entry()).storedBytes, 0);
  assert.equal(server.requests.length, 1);
});

test("the first digits of a checksum suffice", async () => {
  models = modelsOf({ torchChecksum: checksum.slice(0, 8) });
  await open();
  assert.equal((await entry()).isStored, true);
});

test("the hub comes first, with the checksum of its pointer", async () => {
  const hubBytes = randomBytes(1000);
  server.files["/a/A/raw/main/aa.safetensors"] = Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${digits(hubBytes)}\nsize 1000\n`);
  server.files["/a/A/resolve/main/aa.safetensors"] = hubBytes;
  const { files } = await models.open("aaa");
  assert.equal(files[0].name, "aa.safetensors");
  assert.deepEqual(await content(files[0].blob), hubBytes);
});

test("a hub without the model, or without its checksum, leaves the first address", async () => {
  for (const pointer of [undefined, Buffer.from("<html>")]) {
    storage = new MemoryStorage();
    models = modelsOf();
    server.files["/a/A/raw/main/aa.safetensors"] = pointer;
    assert.equal((await models.open("aaa")).files[0].name, torchFile);
  }
});

test("a download that the storage can't hold is refused before it begins", async () => {
  storage.freeBytes = async () => 1_000_000;
  await assert.rejects(open(), {
    name: "StorageFull",
    message: "The browser's storage is full: 3.0 MB more are needed, 1.0 MB are free. Remove songs or models from this page, or free space on the disk.",
  });
  assert.equal((await entry()).storedBytes, 0);
});

test("a browser that can't check a download is told so before it", async () => {
  const { subtle } = globalThis.crypto;
  Object.defineProperty(globalThis.crypto, "subtle", { value: undefined, configurable: true });
  try {
    await assert.rejects(open(), { name: "DownloadError", message: /only on pages with https, or on localhost/ });
  } finally {
    Object.defineProperty(globalThis.crypto, "subtle", { value: subtle, configurable: true });
  }
  assert.deepEqual(server.requests, []);
  await open();
});

test("a refusal names each host and its reason, without an address", async () => {
  server.files = {};
  await assert.rejects(models.open("aaa"), ({ message }) => /^aaa was not fetched\. \S+ doesn't have the checksum/.test(message) && /doesn't have the file \(404\)/.test(message) && !message.includes("//"));
  server.files[`/${torchFile}`] = () => ({ status: 403 });
  await assert.rejects(open(), { message: /refuses the file \(403\)/ });
  await assert.rejects(models.open("aaa", { base: "http://127.0.0.1:1" }), { message: /can't be reached\. Nothing is lost/ });
  await assert.rejects(models.open("nothing"), { message: /No model is called nothing\./ });
});

test("a file of the user is kept under its name until it is removed", async () => {
  assert.equal(await models.keep(new File([bytes], "mine.safetensors")), "mine.safetensors");
  const { files } = await models.open("mine.safetensors");
  assert.deepEqual(await content(files[0].blob), bytes);
  assert.deepEqual((await models.list()).at(-1), {
    name: "mine.safetensors", kind: "own", summary: "a file of yours", sources: null, downloadBytes: 0, storedBytes: bytes.length, isStored: true,
  });
  await assert.rejects(models.keep(new File([bytes], "aaa")), { message: /rename it/ });
  await models.remove("mine.safetensors");
  assert.equal((await models.list()).length, 2);
});
