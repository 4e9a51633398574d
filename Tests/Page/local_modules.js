// Tests of the local back end's pure modules, after module_tests.js.

const bytesOf = (...parts) => Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((letter) => letter.charCodeAt(0)) : part)));
const zeros = (count) => new Array(count).fill(0);

const { ServiceBackend } = await import("/page/songs/api.js");
const { LocalBackend } = await import("/browser/backend.js");
await test("both back ends have the same methods", () => {
  const [service, local] = [ServiceBackend, LocalBackend].map(({ prototype }) => Object.getOwnPropertyNames(prototype).sort());
  equal(local.filter((name) => !["fetchModel", "addModel", "removeModel"].includes(name)), service.filter((name) => !["flac", "share", "shared", "shareSet"].includes(name)), "methods");
});

const { rateOf, tagBytes } = await import("/engine/track.js");
await test("rates of formats by their headers", () => {
  equal(rateOf(bytesOf("fLaC", [0, 0, 0, 34], zeros(10), [0x17, 0x70, 0x00], zeros(20))), 96000, "FLAC");
  equal(rateOf(bytesOf([0xff, 0xfb, 0x90, 0x00])), 44100, "MP3");
  equal(rateOf(bytesOf([0xff, 0xfb, 0x94, 0x00])), 48000, "MP3 of 48 kHz");
  equal(rateOf(bytesOf([0xff, 0xf3, 0x90, 0x00])), 22050, "MPEG-2");
  equal(rateOf(bytesOf([0xff, 0xf1, 0x50, 0x80, 0x20, 0x00])), 44100, "AAC");
  equal(rateOf(bytesOf("OggS", zeros(24), "\x01vorbis", zeros(4), [2], [0x80, 0xbb, 0, 0])), 48000, "Vorbis");
  equal(rateOf(bytesOf("OggS", zeros(24), "OpusHead", zeros(11))), 48000, "Opus");
  equal(rateOf(bytesOf("\0\0\0\x20ftypM4A ", zeros(40), "stsd", zeros(12), "mp4a", zeros(24), [0xac, 0x44, 0, 0])), 44100, "MP4");
  equal(rateOf(bytesOf("\0\0\0\x20ftypM4A ", "Magnum Opus", zeros(40), "stsd", zeros(12), "mp4a", zeros(24), [0xac, 0x44, 0, 0])), 44100, "MP4 with a title");
  equal(rateOf(bytesOf("RIFF", zeros(4), "WAVEfmt ", [16, 0, 0, 0, 1, 0, 1, 0, 0x22, 0x56, 0, 0], zeros(8), [0xff, 0xfb, 0x90, 0x00])), 22050, "WAV of 8 bits");
  equal(rateOf(bytesOf("FORM", zeros(4), "AIFFCOMM", [0, 0, 0, 18, 0, 2], zeros(4), [0, 16, 0x40, 0x0e, 0xac, 0x44], zeros(6), [0xff, 0xfb, 0x90, 0x00])), 44100, "AIFF");
  equal(rateOf(bytesOf([0xff, 0xfb, 0x94, 0x00], zeros(500), [0xff, 0xfb, 0x90, 0x00], zeros(413), [0xff, 0xfb, 0x90, 0x00])), 44100, "MP3 after bytes that look like a frame");
  equal(rateOf(bytesOf("la la la")), null, "no sound");
});
await test("tags before the sound are passed over", () => {
  equal(tagBytes(bytesOf("ID3", [4, 0, 0, 0, 0, 1, 5], zeros(5))), 10 + 128 + 5, "tag");
  equal(tagBytes(bytesOf("ID3", [4, 0, 0x10, 0, 0, 0, 5], zeros(5))), 25, "tag with a footer");
  equal([tagBytes(bytesOf("ID3")), tagBytes(bytesOf("fLaC", zeros(20)))], [0, 0], "none");
});

const { crc32, zip } = await import("/browser/zip.js");
await test("the check value of CRC-32", () => {
  equal(crc32(bytesOf("123456789")), 0xcbf43926, "whole");
  equal(crc32(bytesOf("6789"), crc32(bytesOf("12345"))), 0xcbf43926, "in two parts");
});
await test("an archive names its files in UTF-8 and ends with its directory", async () => {
  const archive = new Uint8Array(await (await zip([{ name: "ä.wav", blob: new Blob(["sound"]) }])).arrayBuffer());
  equal([...archive.subarray(0, 4)], [0x50, 0x4b, 3, 4], "first file");
  equal(archive[8], 8, "deflated");
  equal(new TextDecoder().decode(archive.subarray(30, 36)), "ä.wav", "name");
  equal([...archive.subarray(-22, -18)], [0x50, 0x4b, 5, 6], "end");
});

await test("a browser that can't compress gives an archive of stored files", async () => {
  const { CompressionStream } = globalThis;
  globalThis.CompressionStream = class {
    constructor(format) {
      throw new TypeError(`Unsupported compression format: '${format}'`);
    }
  };
  const archive = new Uint8Array(await (await zip([{ name: "a.wav", blob: new Blob(["sound"]) }])).arrayBuffer());
  globalThis.CompressionStream = CompressionStream;
  equal(archive[8], 0, "stored");
  equal(new TextDecoder().decode(archive.subarray(30, 40)), "a.wavsound", "name and content");
});

const { LocalJobs } = await import("/browser/jobs.js");
await test("a full storage leaves songs and sets as they are stored", async () => {
  const [song, set] = [{ job: { id: "a", name: "a.wav", state: "done", created: "", stems: [] } }, { id: "s", name: "Advent", songs: [] }];
  const full = async () => { throw new DOMException("The storage is full.", "QuotaExceededError"); };
  const jobs = new LocalJobs({ list: async () => ["a"], readJSON: async (path) => (path.startsWith("jobs/") ? song : [set]), writeJSON: full });
  await jobs.start();
  const refused = [jobs.change("a", { name: "b.wav", notes: { loop: [1, 2] } }), jobs.keepSet({ ...set, name: "Lent" }), jobs.removeSet("s")];
  equal((await Promise.allSettled(refused)).map(({ status }) => status), ["rejected", "rejected", "rejected"], "changes");
  equal([jobs.get("a").name, jobs.get("a").notes, jobs.sets, jobs.events.last], ["a.wav", {}, [set], 0], "the same, without events");
});

const { Waveform } = await import("/browser/stems.js");
await test("a waveform of pieces is that of the whole", () => {
  const samples = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i / 7) * (i / 1000));
  const whole = new Waveform(1, 1000);
  whole.add(0, [samples]);
  const pieces = new Waveform(1, 1000);
  for (const [from, end] of [[0, 100], [100, 700], [700, 1000]]) pieces.add(from, [samples.subarray(from, end)]);
  equal(pieces.reduced(4), whole.reduced(4), "pieces");
  const stored = new Waveform(1, 1000);
  stored.restore(Uint8Array.from(whole.stored.flatMap((plane) => [...plane])).buffer);
  equal(stored.reduced(3), whole.reduced(3), "stored");
});
await test("a waveform is silent where there is no sound yet", () => {
  const waveform = new Waveform(1, 512);
  waveform.add(0, [new Float32Array(256).fill(0.5)]);
  equal(waveform.reduced(2), [{ min: [64, 0], max: [64, 0] }], "half");
});
return passed;
