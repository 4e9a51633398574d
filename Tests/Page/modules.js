// Tests of the page's pure modules, after module_tests.js.

const format = await import("/words.js");
await test("times are written as clocks show them", () => {
  equal([0, 9.99, 59.9999999, 192, 3661, -4].map(format.clock), ["0:00", "0:09", "1:00", "3:12", "1:01:01", "0:00"], "clock");
  equal([8.2, 61, 119, 3900, 86400, 2592000].map(format.roughTime), ["8 seconds", "1 minute", "2 minutes", "1 hour 5 minutes", "24 hours", "30 days"], "roughTime");
  equal([0, 61, 3600].map(format.spokenTime), ["0 seconds", "1 minute 1 second", "1 hour 0 minutes 0 seconds"], "spokenTime");
});
await test("decibels have a true minus sign and a word for silence", () => {
  equal([format.decibels(-3), format.decibels(0), format.decibels(6), format.decibels(-48, -48)], ["−3 dB", "0 dB", "+6 dB", "−∞ dB"], "decibels");
  equal([format.spokenDecibels(-3), format.spokenDecibels(1), format.spokenDecibels(-48, -48)], ["−3 decibels", "1 decibel", "silent"], "spokenDecibels");
});
await test("places in line and sizes are written in words", () => {
  equal([1, 2, 3, 4, 11, 12, 21, 112].map(format.ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"], "ordinal");
  equal([12, 999.6, 1500, 12_300_000, 2_100_000_000].map(format.bytes), ["12 bytes", "1 kB", "2 kB", "12 MB", "2.1 GB"], "bytes");
});
await test("a title is a file name without the ending of a sound file", () => {
  equal(["a.b.mp3", "song.FLAC", "notes.txt", ".mp3"].map(format.title), ["a.b", "song", "notes.txt", ".mp3"], "title");
  const renamed = [["a.flac", "b"], ["a.flac", "v1.2"], ["a.flac", "b.mp3"], ["notes.txt", "b"], ["notes.txt", "b.mp3"]].map((names) => format.renamed(...names));
  equal([renamed, renamed.map(format.title)], [["b.flac", "v1.2.flac", "b.mp3.flac", "b", "b.mp3.wav"], ["b", "v1.2", "b.mp3", "b", "b.mp3"]], "renamed");
});

const wav = await import("/wav.js");
const header = ({ encoding = 1, channels = 2, bits = 16, extra = 0, dataBytes, extensible = false, odd = false }) => {
  const parts = [];
  const text = (string) => parts.push(...string.split("").map((letter) => letter.charCodeAt(0)));
  const number = (value, size) => { for (let i = 0; i < size; i += 1) parts.push(Math.floor(value / 256 ** i) % 256); };
  text("RIFF"); number(0, 4); text("WAVE");
  if (odd) { text("junk"); number(3, 4); parts.push(1, 2, 3, 0); }
  text("fmt "); number(extensible ? 40 : 16, 4);
  number(extensible ? 0xfffe : encoding, 2); number(channels, 2); number(44100, 4); number(44100 * channels * bits / 8, 4); number(channels * bits / 8, 2); number(bits, 2);
  if (extensible) { number(22, 2); number(bits, 2); number(3, 4); number(encoding, 2); number(0, 14); }
  text("data"); number(dataBytes, 4);
  return new Uint8Array([...parts, ...new Array(extra).fill(0)]).buffer;
};
await test("WAV headers: plain, with an odd chunk, extensible, of unknown length", () => {
  equal(wav.parseHeader(header({ dataBytes: 400 }), 444)?.frames, 100, "plain");
  equal(wav.parseHeader(header({ dataBytes: 400, odd: true }), 456).dataOffset, 56, "odd chunk");
  equal(wav.parseHeader(header({ dataBytes: 800, encoding: 3, bits: 32, extensible: true }), 868).isFloat, true, "extensible float");
  equal(wav.parseHeader(header({ dataBytes: 0xffffffff }), 444).frames, 100, "unknown length");
  equal(wav.parseHeader(header({ dataBytes: 4000 }), 444).frames, 100, "cut short");
});
await test("WAV headers that cannot be read are refused", () => {
  for (const bytes of [new ArrayBuffer(0), new ArrayBuffer(100), header({ dataBytes: 4, bits: 8 }), header({ dataBytes: 4, encoding: 6 }), header({ dataBytes: 4, channels: 0 })]) {
    equal(wav.parseHeader(bytes, 1000), null, "refused");
  }
});
await test("a WAV file that the page writes is read as it was", async () => {
  const planes = [[0, 0.5, -1], [1.25, -0.125, 0]].map((samples) => Float32Array.from(samples));
  const samples = wav.encodeFrames(planes);
  const format = wav.parseHeader(wav.wavHeader(2, 44100, 3), 44 + samples.byteLength);
  equal([format.isFloat, format.sampleRate, format.frames, format.dataOffset], [true, 44100, 3, 44], "header");
  equal(wav.decodeFrames(samples.buffer, format).map((plane) => [...plane]), planes.map((plane) => [...plane]), "samples");
  const small = await (await wav.to16Bits(new Blob([wav.wavHeader(2, 44100, 3), samples]))).arrayBuffer();
  equal(wav.decodeFrames(small.slice(44), wav.parseHeader(small, small.byteLength)).map((plane) => [...plane].map((sample) => Number((1.25 * sample).toFixed(3)))), planes.map((plane) => [...plane]), "16 bits");
  equal(wav.parseHeader(wav.wavHeader(2, 44100, 6e8), 44 + 6e8 * 8).frames, 6e8, "more than 4 GiB");
});
await test("samples of 16, 24 and 32 bits and floats become −1…1", () => {
  const decode = (bytes, bits, isFloat = false) => [...wav.decodeFrames(new Uint8Array(bytes).buffer, { channels: 1, bits, isFloat, bytesPerFrame: bits / 8 })[0]];
  equal(decode([0, 0x80, 0, 0x40], 16), [-1, 0.5], "16 bits");
  equal(decode([0, 0, 0x80, 0, 0, 0x40, 255, 255, 255], 24), [-1, 0.5, -1 / 0x800000], "24 bits");
  equal(decode([0, 0, 0, 0x80], 32), [-1], "32 bits");
  equal(decode([0, 0, 0x80, 0x3f], 32, true), [1], "float");
});

const { Pieces } = await import("/sound/pieces.js");
await test("a piece that is read when its job ends is read again from the job's files, also after a lost connection", async () => {
  const usual = globalThis.fetch;
  const file = (value) => new Blob([wav.wavHeader(1, 44100, 1000), new Float32Array(1000).fill(value)]);
  let reply;
  globalThis.fetch = async (path, { headers }) => {
    if (!path.startsWith("pieces-test/")) return usual(path, { headers });
    const [, from, last] = /bytes=(\d+)-(\d+)/.exec(headers.Range);
    return reply(Number(from), Number(last) + 1);
  };
  const partOf = (blob) => (from, end) => new Response(blob.slice(from, end), { status: 206, headers: { "Content-Range": `bytes ${from}-${end - 1}/${blob.size}` } });
  const job = { state: "running", ready_seconds: 1, stem_rate: 44100, piece_frames: 1000, stems: [{ name: "drums", url: "pieces-test/drums.wav" }] };
  try {
    reply = partOf(file(0.5));
    const pieces = await Pieces.open(job);
    let end;
    reply = () => new Promise((resolve) => { end = () => resolve(new Response(null, { status: 404 })); });
    const piece = pieces.get(0);
    reply = async () => { throw new TypeError("no connection"); };
    const updated = pieces.update({ ...job, state: "done", stems: [{ ...job.stems[0], gain: 0.5 }] });
    await new Promise((resolve) => setTimeout(resolve, 100));
    equal(pieces.isGrowing, true, "without a connection");
    reply = partOf(file(0.25));
    await updated;
    end();
    equal([pieces.isGrowing, (await piece)[0].getChannelData(0)[999]], [false, 0.5], "at the level that it had");
  } finally {
    globalThis.fetch = usual;
  }
});

const peaks = await import("/mixer/waveforms.js");
await test("columns keep every peak when zoomed out, and repeat points when zoomed in", () => {
  const channels = [{ min: [0, -128, 0, 0], max: [0, 0, 0, 127] }];
  const out = peaks.columns(channels, 0, 1, 2);
  equal([[...out.low], [...out.high]], [[-1, 0], [0, 1]], "zoomed out");
  equal([...peaks.columns(channels, 0.75, 1, 3).high], [1, 1, 1], "zoomed in");
  equal([...peaks.columns([], 0, 1, 2).high], [0, 0], "nothing");
});
await test("the resolution follows zoom and width", () => {
  equal([peaks.resolutionFor(1000, 1), peaks.resolutionFor(1000, 0.3), peaks.resolutionFor(4000, 0.01)], [1200, 4800, 19200], "points");
});

const mix = await import("/sound/mix.js");
const strip = (changes) => ({ ...mix.newStrip(), ...changes });
const controls = ({ isPart, ...rest }) => rest;
await test("solos add up, mute wins, the lowest volume is silence", () => {
  const strips = [strip({}), strip({ isSolo: true }), strip({ isSolo: true, isMuted: true }), strip({ isSolo: true, volume: -6 }), strip({ isSolo: true, volume: mix.silenceDecibels })];
  equal(strips.map((one) => Number(mix.gain(one, strips).toFixed(3))), [0, 1, 0, 0.501, 0], "gains");
  const sum = (changes) => ({ ...mix.newStrip(false), ...changes });
  const withSum = (changes) => [strip({}), strip({}), sum(changes)];
  equal([{}, { isSolo: true }, { isMuted: false }].map((changes) => withSum(changes).map((one, _, all) => mix.gain(one, all))), [[1, 1, 0], [0, 0, 1], [1, 1, 1]], "sums");
});
const { addressOf } = await import("/songs/api.js");
await test("files of a song have addresses", () => {
  const stems = [{ name: "a", is_part: true, url: "v1/separations/7/stems/a.wav" }, { name: "b", is_part: true }];
  const { levels } = new mix.Mix(stems, { strips: { a: strip({ pan: -50 }), b: strip({ isMuted: true }) }, master: -6 });
  equal(addressOf({ job: "7", kind: "mix", strips: levels, format: "flac", part: null }), "v1/separations/7/mix?a=0.5012&a.pan=-0.5&b=0&format=flac", "mix");
  equal(addressOf({ job: "7", kind: "zip", format: "mp3", part: [1, 2.5] }), "v1/separations/7/stems.zip?format=mp3&from=1&to=2.5", "archive");
  equal(addressOf({ job: "7", kind: "stem", stem: stems[0], format: "flac", part: null }), "v1/separations/7/stems/a.flac", "stem");
});

const link = await import("/songs/memory.js");
await test("a link gives back what it was made of", () => {
  const state = { song: "ab 1/&#", time: 42.5, loop: [10, 20.25], names: ["drums", "my & mix"], strips: [strip({ volume: -3, pan: 40, isSolo: true }), strip({ isMuted: true })] };
  const read = link.readLink(link.writeLink(state));
  equal([read.song, read.time, read.loop], [state.song, 42.5, [10, 20.25]], "place");
  equal([read.strips.drums, read.strips["my & mix"]], state.strips.map(controls), "strips");
});
const { rehearsal, notes: rehearsalNotes } = await import("/kept.js");
const { merge, Notes, written } = await import("/songs/notes.js");
const { backend, useBackend } = await import("/backend.js");
const { Problem } = await import("/words.js");
await test("notes of two browsers become one, and those that both have changed are this browser's", () => {
  const [section, other] = ["A", "B"].map((name) => ({ name, from: 0, to: 1 }));
  const made = (...args) => written(merge(...args.map((value) => value && rehearsalNotes(value))));
  equal(made({ sections: [section], loop: [1, 2] }, {}, null), { sections: [section], loop: [1, 2] }, "an older song");
  equal(made({ sections: [section], loop: [1, 2] }, { sections: [other] }, null), { sections: [other], loop: [1, 2] }, "a new browser, by a link");
  equal(made({ loop: [1, 2] }, { sections: [other], loop: [1, 2] }, { loop: [1, 2] }), { sections: [other], loop: [1, 2] }, "another browser has added a section");
  equal(made({ sections: [section], loop: [1, 2] }, { sections: [section] }, { sections: [section], loop: [1, 2] }), { sections: [section] }, "another browser has cleared the loop");
  equal(made({ sections: [] }, { sections: [section], loop: [3, 4] }, { sections: [section] }), { loop: [3, 4] }, "both have changed something");
  equal(written(rehearsalNotes({ correction: { factor: 2, steady: { first: 1, interval: 0.5 } } })), { correction: { factor: 2, shift: 0, moved: 0, steady: { interval: 0.5, first: 1 } } }, "correction");
  const verse = [{ name: "Verse", from: 0, to: 4 }];
  equal(written(rehearsalNotes({ sections: verse }), rehearsalNotes({ sections: verse, loop: [1, 2] })), { loop: null }, "what has changed");
  const names = rehearsalNotes({ sections: ["a\tb", "\ud83d", "\u{1f600}".repeat(101)].map((name) => ({ name, from: 0, to: 4 })) }).sections.map(({ name }) => name);
  equal(names, ["a b", "B", "\u{1f600}".repeat(100)], "names");
});
/** Calls `work(song, notes, sent)` for an open song; `sent` are its changes, `{ loop, resolve, reject }`, which wait for their replies. */
async function withNotes(work) {
  const [service, sent, song] = [backend, [], { id: "a", notes: rehearsalNotes({}), rehearsal: { agreed: null } }];
  useBackend({ change: (id, { notes: { loop } }) => new Promise((resolve, reject) => sent.push({ loop, resolve, reject })) });
  const notes = new Notes(song, false, () => {});
  notes.take({});
  await work(song, notes, sent);
  notes.close();
  useBackend(service);
}
const setLoop = (song, start) => (song.notes = rehearsalNotes({ loop: [start, 9] }));
await test("an event of an older change of this page doesn't undo a later one", () => withNotes(async (song, notes, sent) => {
  for (const start of [1, 2]) {
    setLoop(song, start);
    const isDone = notes.send();
    sent.at(-1).resolve();
    await isDone;
  }
  equal([notes.take({ notes: { loop: [1, 9] } }), notes.take({ notes: { loop: [2, 9] } }), song.notes.loop], [false, false, [2, 9]], "own events");
  equal([notes.take({ notes: { loop: [1, 9] } }), song.notes.loop], [true, [1, 9]], "the same by another browser");
}));
await test("changes during a request are sent after it when the song is closed, and beside it when the page is left", () => withNotes(async (song, notes, sent) => {
  setLoop(song, 1);
  const isDone = notes.send();
  setLoop(song, 2);
  notes.send();
  equal(sent.length, 1, "during a request");
  notes.send(true);
  notes.send(true);
  equal(sent.map(({ loop }) => loop[0]), [1, 2], "left");
  sent[1].resolve();
  setLoop(song, 3);
  notes.close();
  sent[0].resolve();
  await isDone;
  equal(sent.map(({ loop }) => loop[0]), [1, 2, 3], "closed");
  sent[2].resolve();
}));
await test("a refusal of notes is said once, except that of a deleted song", () => withNotes(async (song, notes, sent) => {
  const saidAfter = async (status, start) => {
    document.getElementById("said").textContent = "";
    setLoop(song, start);
    const isDone = notes.send();
    sent.at(-1).reject(new Problem(status, "The notes are too long."));
    await isDone;
    return document.getElementById("said").textContent;
  };
  equal([await saidAfter(404, 1), await saidAfter(413, 2), await saidAfter(413, 3)], ["", "The notes are too long.", ""], "said");
}));
const { moved, placeFrom } = await import("/songs/sets.js");
await test("the places of songs in a set", () => {
  equal([moved([1, 2, 3], 2, -1), moved([1, 2, 3], 0, 1)], [[1, 3, 2], [2, 1, 3]], "moved");
  const songs = ["a", "gone", "b"].map((id) => ({ id }));
  const isGone = (id) => id === "gone";
  equal([[0, 1], [2, -1], [2, 1], [0, -1], [-1, 1], [-1, -1]].map(([place, step]) => placeFrom(songs, place, step, isGone)), [2, 0, -1, -1, 0, -1], "next and before");
});
await test("settings of a rehearsal that are damaged are plain, and the others stay", () => {
  const good = { ...rehearsal(), speed: 0.8, semitones: -3, countsIn: 2, sections: [{ name: "Verse", from: 0, to: 4 }], agreed: rehearsalNotes({ loop: [1, 2] }), correction: { factor: 2, shift: 0.1, bar: 1, moved: -1, steady: { interval: 0.7, first: 2 }, metre: "3/4" } };
  equal(rehearsal(good), good, "good");
  equal(rehearsal({ sections: [null, [2, 3], { from: 1, to: 0 }] }).sections, [{ name: "B", from: 2, to: 3 }], "sections of an older page");
  for (const [key, plain] of Object.entries(rehearsal())) for (const damage of [undefined, null, -1e9, 1e308, "x", [], [[4, 2]]]) equal(rehearsal({ ...good, [key]: damage }), { ...good, [key]: plain }, `${key} ${damage}`);
  for (const steady of [{ interval: 0, first: 0 }, { interval: 0.3, first: -3e25 }]) equal(rehearsal({ correction: { factor: 0, shift: "1", moved: 0.5, steady, metre: "0/4" } }).correction, { factor: 1, shift: 0, bar: null, moved: 0, steady: null, metre: null }, "correction");
});
await test("links that make no sense are harmless", () => {
  equal(link.readLink("#song=a&t=NaN&loop=5,1&mix.x=1e99,-900,q").strips.x, controls(strip({ volume: 6, pan: -100 })), "clamped");
  equal([link.readLink("#").song, link.readLink("#t=-5").time, link.readLink("#loop=1").loop], [null, 0, null], "empty");
});

const { Timeline } = await import("/mixer/ruler.js");
await test("zoom keeps what is under the pointer and stays inside the song", () => {
  const line = new Timeline(100);
  line.zoom(4, 0.25);
  equal([line.start, line.end, line.time(0.25)], [18.75, 43.75, 25], "zoom");
  line.scroll(1000);
  equal(line.end, 100, "right end");
  line.zoom(1e9);
  equal([line.span.toFixed(5), line.isClosest], ["0.00025", true], "closest");
  line.zoom(1e-9);
  equal([line.start, line.end, line.isZoomed], [0, 100, false], "whole");
});
await test("the page turns when the playhead leaves it", () => {
  const line = new Timeline(100);
  line.zoom(10, 0);
  equal([line.follow(5), line.follow(9.7), Math.round(line.start * 10)], [false, true, 93], "follow");
});

const { EventParser } = await import("/songs/api.js");
await test("events arrive whole however the stream is cut", () => {
  const parser = new EventParser();
  const text = ': hello\n\nid: 7\nevent: job\ndata: {"a":\ndata: 1}\n\n';
  const events = [...text].flatMap((letter) => parser.push(letter));
  equal([events, parser.lastId], [[{ type: "job", data: '{"a":\n1}' }], "7"], "events");
});

const { spectrogram, bands } = await import("/mixer/spectrum.js");
await test("a tone lights its own band of the spectrogram, at its own loudness", () => {
  const rate = 44100;
  const hertz = 1000;
  const tone = Float32Array.from({ length: 8192 }, (_, i) => Math.sin(2 * Math.PI * hertz * i / rate));
  const column = spectrogram((first, count) => tone.subarray(first, first + count), rate, { centre: 4096, hop: 100, count: 2 }).slice(bands);
  const loudest = column.indexOf(Math.max(...column));
  const expected = Math.floor(bands * Math.log(hertz / 40) / Math.log(16000 / 40));
  if (Math.abs(loudest - expected) > 1) throw new Error(`band ${loudest}, expected ${expected}`);
  if (column[loudest] < 250 || column[bands - 1] > 20) throw new Error(`levels ${column[loudest]} and ${column[bands - 1]}`);
});

const { presetsOf, applyPreset, isPreset } = await import("/sound/mix.js");
await test("presets are those that the stems allow, and one alone sounds what the stems leave out", () => {
  const sounding = (id, names, mine) => {
    const strips = names.map((name) => strip({ isPart: name !== "residual", isMuted: name === "drums" }));
    const preset = presetsOf(names, mine).find((each) => each.id === id);
    applyPreset(preset, names, strips);
    equal(isPreset(preset, names, strips), true, "pressed");
    return names.filter((_, index) => mix.gain(strips[index], strips) > 0);
  };
  const names = ["drums", "bass", "other", "vocals", "residual"];
  equal(["all", "karaoke", "no-drums", "bass", "mine", "left"].map((id) => sounding(id, names, "other").join()), ["drums,bass,other,vocals", "drums,bass,other", "bass,other,vocals", "bass", "drums,bass,vocals", "residual"], "sounding");
  equal(presetsOf(["vocals", "no_vocals"], "vocals").map(({ id }) => id), ["all", "karaoke", "mine"], "two stems");
});

const { Loop } = await import("/mixer/song.js");
await test("the edges of a loop stay in order and inside the song, on the grid unless they are exact", () => {
  const loop = new Loop(10, null, Math.round);
  loop.select(7.4, 2.2);
  equal(loop.edges, [2, 7], "selected");
  loop.move(0, 3.3);
  loop.move(1, 20);
  equal(loop.edges, [3, 10], "snapped");
  loop.move(0, 99, true);
  equal(loop.edges.map((edge) => Number(edge.toFixed(3))), [9.95, 10], "passed");
  loop.setEdge(1, 4);
  equal(loop.edges, [0, 4], "an end before the start");
  loop.extend(6, 0);
  equal(loop.edges, [0, 6], "extended");
  loop.select(5, 5.01);
  loop.tidy();
  equal(loop.edges, null, "a click");
});

const { Library } = await import("/songs/library.js");
await test("songs in line stand first as they run, then the finished ones in the chosen order", () => {
  const job = (name, state, queue_position = null, duration_seconds = 0) => ({ id: name, name, state, queue_position, duration_seconds });
  const jobs = [job("late", "queued", 2), job("b 10", "done", null, 30), job("next", "queued", 1), job("now", "running"), job("b 9", "done", null, 50), job("A", "failed")];
  const library = new Library();
  const names = () => library.arrange(jobs).map(({ name }) => name);
  equal(names(), ["now", "next", "late", "b 10", "b 9", "A"], "newest");
  library.order = "name";
  equal(names(), ["now", "next", "late", "A", "b 9", "b 10"], "name");
  library.order = "longest";
  library.text = " B ";
  equal(names(), ["b 9", "b 10"], "found");
  library.toggleSelecting();
  library.select("now", jobs, false);
  library.select("b 10", jobs, true);
  equal([...library.selected].sort(), ["b 10", "next", "now"], "a range");
});

const { Excerpt, matchingGain } = await import("/sound/mix.js");
await test("loudness is K-weighted as in ITU-R BS.1770", () => {
  const tone = (hertz) => Float32Array.from({ length: 48000 }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / 48000));
  const level = (hertz) => new Excerpt([[tone(hertz), tone(hertz)]], 48000).power([[1, 0]]) / 48000;
  // The standard's example: a tone of 997 Hz at full scale in one channel has −3.01 LKFS, and −0.691 is its offset.
  equal((-0.691 + 10 * Math.log10(level(997) / 2)).toFixed(1), "-3.0", "997 Hz");
  equal((10 * Math.log10(level(10000) / level(997))).toFixed(1), "3.4", "the shelf above 2 kHz");
  const two = new Excerpt([[tone(997), tone(997)], [tone(997), tone(997)]], 48000);
  equal(matchingGain(two, [[0.25, 0], [0, 0]], [[1, 0], [1, 0]]).toFixed(4), "0.1250", "the sum of equal stems");
});

const { sampleColumns } = peaks;
await test("samples make columns when there are several for a pixel", () => {
  const { low, high } = sampleColumns([Float32Array.of(0, 0.5, -0.25, 1), Float32Array.of(0, 0, -1, 0)], 0, 4, 2);
  equal([[...low], [...high]], [[0, -1], [0.5, 1]], "columns");
});

const words = await import("/words.js");
await test("a job's state is written in words", () => {
  equal(words.stateWords({ state: "running", seconds_left: 8 }), "Separating, 8 seconds left", "running");
  equal([1, 2, null].map((queue_position) => words.stateWords({ state: "queued", queue_position })), ["Next in line", "2nd in line", "Waiting"], "queued");
  equal([0, 0.24, 0.25, 0.99, 1].map(words.quarters), [0, 0, 1, 3, 4], "quarters");
});

const { Fourier } = await import("/stretch/fft.js");
await test("a transform and its inverse give the signal back", () => {
  const fourier = new Fourier(8);
  const [real, imaginary] = [Float64Array.of(1, 2, 0, -1, 3, 0, 0, 1), Float64Array.of(0, 1, 0, 0, 0, -2, 0, 0)];
  const before = [...real, ...imaginary];
  fourier.forward(real, imaginary);
  equal([Math.round(real[0] * 1e9) / 1e9, Math.round(imaginary[0] * 1e9) / 1e9], [6, -1], "sums");
  fourier.inverse(real, imaginary);
  equal([...real, ...imaginary].map((value) => Math.round(value * 1e9) / 1e9 + 0), before, "back");
});

const { kindOf, Stretch } = await import("/stretch/stretch.js");
/** Stretches one stem, given as a function of the sample, in uneven steps. */
const stretched = (name, shape, frames, tuning, from = 0, firstStep = 100) => {
  const samples = Float64Array.from({ length: frames }, (_, i) => shape(i));
  const stretch = new Stretch([name], (_, first, count, left, right) => {
    for (let i = 0; i < count; i += 1) left[i] = right[i] = samples[first + i] ?? 0;
  });
  stretch.tuning = { keepsFormants: false, ...tuning };
  stretch.seek(from);
  const output = new Float32Array(Math.floor(frames / tuning.speed));
  for (let at = 0, step = firstStep; at < output.length; at += step, step = (step * 7) % 113 + 1) {
    const count = Math.min(step, output.length - at);
    stretch.render([[output.subarray(at, at + count), new Float32Array(count)]], count);
  }
  return { output, position: stretch.position };
};
await test("stems are known by their names", () => {
  equal(["drums", "vocals", "bass", "no_drums"].map(kindOf), ["drums", "voice", "tonal", "tonal"], "kinds");
});
await test("at the song's own speed and pitch stretching changes nothing", () => {
  const noise = Float64Array.from({ length: 20000 }, (_, i) => Math.sin(i * i * 0.37) * 0.5);
  for (const name of ["drums", "vocals", "other"]) {
    const { output } = stretched(name, (i) => noise[i], noise.length, { speed: 1, semitones: 0 });
    const worst = output.reduce((most, value, i) => Math.max(most, Math.abs(value - noise[i])), 0);
    if (worst > 1e-6) throw new Error(`${name}: ${worst}`);
  }
});
await test("a tone keeps its pitch at another speed, and moves by semitones", () => {
  const frames = 66150;
  for (const [name, speed, semitones] of [["other", 0.7, 0], ["other", 0.25, 0], ["vocals", 1.3, 0], ["other", 1, 12], ["vocals", 0.8, -5], ["other", 1, 0.3]]) {
    const { output, position } = stretched(name, (i) => Math.sin(2 * Math.PI * 440 * i / 44100), frames, { speed, semitones });
    const part = output.subarray(output.length / 2 - 10000, output.length / 2 + 10000);
    const crossings = [...part].flatMap((value, i) => (part[i - 1] < 0 && value >= 0 ? [i - value / (value - part[i - 1])] : []));
    const hertz = ((crossings.length - 1) * 44100) / (crossings.at(-1) - crossings[0]);
    const expected = 440 * 2 ** (semitones / 12);
    if (Math.abs(1200 * Math.log2(hertz / expected)) > 1) throw new Error(`${name} ${speed} ${semitones}: ${hertz} Hz, expected ${expected}`);
    equal(Math.round(position), Math.round(output.length * speed), "position");
  }
});
await test("equal stems stay equal", () => {
  for (const name of ["drums", "vocals", "other"]) {
    const stretch = new Stretch([name, name], (_, first, count, left, right) => {
      for (let i = 0; i < count; i += 1) left[i] = right[i] = Math.sin((first + i) / 9);
    });
    stretch.tuning = { keepsFormants: false, speed: 0.7, semitones: 2 };
    const [one, other] = [0, 1].map(() => [new Float32Array(20000), new Float32Array(20000)]);
    stretch.render([one, other], 20000);
    if (!one[0].some((value) => Math.abs(value) > 0.1)) throw new Error(`${name}: silence`);
    if (one[0].some((value, i) => value !== other[0][i])) throw new Error(`${name}: the second stem differs`);
  }
});
await test("a gliding tone glides as smoothly at another speed and pitch", () => {
  const phase = (seconds) => 2 * Math.PI * (400 * seconds + 150 * seconds ** 2);
  for (const [speed, semitones] of [[0.7, 0], [1.2, 0], [1, -5]]) {
    const { output } = stretched("other", (i) => Math.sin(phase(i / 44100)), 88200, { speed, semitones });
    const ratio = 2 ** (semitones / 12) / speed;
    const first = Math.floor(output.length / 2);
    const part = output.subarray(first, first + 4096);
    const angles = Array.from(part, (_, i) => phase((first + i) * speed / 44100) * ratio);
    const share = (wave) => part.reduce((sum, value, i) => sum + value * wave(angles[i]) / 2048, 0);
    const [sine, cosine] = [share(Math.sin), share(Math.cos)];
    const error = part.reduce((sum, value, i) => sum + (value - sine * Math.sin(angles[i]) - cosine * Math.cos(angles[i])) ** 2 / 2048, 0);
    const decibels = 10 * Math.log10((sine ** 2 + cosine ** 2) / error);
    // Without the glide in the phases it is 15 to 19 dB.
    if (!(decibels > 25)) throw new Error(`${speed} ${semitones}: ${decibels} dB`);
  }
});
await test("slow plucked tones begin at their times, and not before", () => {
  const pluck = (seconds, hertz) => (seconds < 0 ? 0 : [1, 2, 3, 4, 5, 6].reduce((sum, n) => sum + Math.sin(2 * Math.PI * hertz * n * seconds) / n, 0) * Math.exp(-10 * seconds));
  for (const speed of [0.25, 0.5]) {
    const { output } = stretched("other", (i) => pluck(i / 44100 - 0.2, 330) + pluck(i / 44100 - 0.6, 440), 44100, { speed, semitones: 0 });
    const energy = (from, end) => output.subarray((0.6 / speed + from) * 44100, (0.6 / speed + end) * 44100).reduce((sum, value) => sum + value ** 2, 0);
    const decibels = 10 * Math.log10(energy(-0.045, -0.012) / energy(0, 0.033));
    if (!(decibels < -20)) throw new Error(`${speed}: ${decibels} dB`);
  }
});
await test("the sizes of blocks change nothing, also where attacks fall between samples", () => {
  for (const name of ["drums", "other"]) {
    const [uneven, whole] = [100, 1e6].map((step) => stretched(name, (i) => Math.sin(i / 9) * Math.exp(-(i % 5000) / 300), 40000, { speed: 0.8, semitones: 0 }, 2, step).output);
    if (uneven.some((value, i) => Math.abs(value - whole[i]) > 1e-6)) throw new Error(name);
  }
});
await test("attacks of drums come at their times, once", () => {
  const frames = 88200;
  const attacks = [10000, 31000, 52000, 60500];
  const kit = (i) => attacks.reduce((sum, at) => sum + (i >= at ? Math.exp(-(i - at) / 400) * Math.sin((i - at) * 0.9) : 0), 0);
  for (const speed of [0.7, 1.4]) {
    const { output } = stretched("drums", kit, frames, { speed, semitones: 0 });
    const found = [];
    output.forEach((value, i) => { if (Math.abs(value) > 0.3 && !(i - found.at(-1) < 3000)) found.push(i); });
    equal(found.length, attacks.length, "attacks");
    found.forEach((at, i) => { if (Math.abs(at - attacks[i] / speed) > 0.002 * 44100) throw new Error(`${at}, expected ${attacks[i] / speed}`); });
  }
});
await test("a voice that is moved up keeps its formants if it is asked to", () => {
  // Partials of 150 Hz under a formant at 900 Hz.
  const shape = (i) => Array.from({ length: 40 }, (_, n) => n + 1).reduce((sum, n) => sum + Math.exp(-(((150 * n - 900) / 250) ** 2)) * Math.sin(2 * Math.PI * 150 * n * i / 44100), 0);
  const centre = (keepsFormants) => {
    const { output } = stretched("vocals", shape, 40000, { speed: 1, semitones: 7, keepsFormants });
    const [real, imaginary] = [Float64Array.from(output.subarray(16000, 16000 + 8192), (value, i) => value * Math.sin(Math.PI * i / 8192) ** 2), new Float64Array(8192)];
    new Fourier(8192).forward(real, imaginary);
    let [moment, power] = [0, 0];
    for (let k = 0; k < 4096; k += 1) {
      const each = real[k] ** 2 + imaginary[k] ** 2;
      moment += each * k * 44100 / 8192;
      power += each;
    }
    return moment / power;
  };
  const [moved, kept] = [centre(false), centre(true)];
  if (Math.abs(moved / (900 * 2 ** (7 / 12)) - 1) > 0.05) throw new Error(`moved to ${moved} Hz`);
  if (Math.abs(kept / 900 - 1) > 0.1) throw new Error(`kept at ${kept} Hz`);
});

const { Tape } = await import("/stretch/stretch.js");
await test("a tape repeats its loop and is silent outside of the song", () => {
  const tape = new Tape({ frames: 10, pieceFrames: 4, from: 0, loop: { start: 2, end: 6 } });
  for (const index of [0, 1, 2]) tape.put(index, [[0, 1].map(() => Float32Array.from({ length: 4 }, (_, i) => index * 4 + i + 1))]);
  const [left, right] = [new Float64Array(12), new Float64Array(12)];
  tape.read(0, -2, 12, left, right);
  equal([...left], [0, 0, 1, 2, 3, 4, 5, 6, 3, 4, 5, 6], "samples");
  equal(tape.piecesIn(0, 20), [0, 1], "pieces");
  tape.keep([1]);
  equal([tape.has([1]), tape.has([0, 1])], [true, false], "kept");
  const counted = new Tape({ frames: 10, pieceFrames: 10, loop: { start: 2, end: 6, gap: 2 } });
  counted.put(0, [[0, 1].map(() => Float32Array.from({ length: 10 }, (_, i) => i + 1))]);
  counted.read(0, 4, 12, left, right);
  equal([...left], [5, 6, 0, 0, 3, 4, 5, 6, 0, 0, 3, 4], "silence before each turn");
  equal([5, 6, 7, 8, 13].map((place) => counted.songFrame(place)), [5, 2, 2, 2, 2], "places");
});

const { Grid } = await import("/practice/grid.js");
const gridOf = (changes = {}) => {
  const grid = new Grid(20);
  // Bars from 0.6 s on, after a pickup of one beat.
  const beats = Array.from({ length: 40 }, (_, i) => 0.1 + i / 2);
  grid.analysis = { tempo_bpm: 120, beats, downbeats: beats.filter((_, i) => i % 4 === 1), ...changes };
  return grid;
};
const rounded = (list) => list.map((time) => Number(time.toFixed(2)));
await test("edges snap to bars", () => {
  equal(rounded([0, 1.5, 1.7, 2.6].map((time) => gridOf().snap(time))), [0.6, 0.6, 2.6, 2.6], "bars");
  equal(new Grid(20).snap(3.21), 3.21, "without beats");
});
await test("beats are halved, doubled and tapped, and found again", () => {
  const grid = gridOf();
  grid.scale(2);
  equal([grid.bpm, ...rounded(grid.times.slice(0, 2))], [240, 0.1, 0.35], "double");
  grid.scale(0.25);
  equal([grid.bpm, ...rounded([...grid.times.slice(0, 2), grid.snap(0.7)])], [60, 0.6, 1.6, 0.6], "half");
  grid.scale(1.5);
  equal([grid.bpm, ...rounded(grid.times.slice(0, 4))], [90, 0.6, 1.27, 1.93, 2.6], "three for four");
  equal([4, 4.67, 5.33, 6].map((time) => grid.tap(time)).at(-1) && [grid.bpm, ...rounded([grid.nearest(9.2), grid.snap(4.3)])], [90, 9.33, 4], "tapped");
  equal([4.15, 4.65, 5.15, 5.65].map((time) => grid.tap(time)), [false, false, false, true], "taps");
  equal([grid.bpm, ...rounded([grid.nearest(9), grid.snap(4.3)])], [120, 9.15, 4.15], "moved");
  equal([2, 2.7, 3.4, 4.1].map((time) => grid.tap(time)).at(-1), true, "another tempo");
  equal([Math.round(grid.bpm * 100) / 100, ...rounded([grid.nearest(9)])], [85.71, 9], "steady");
  grid.correction = {};
  equal([grid.bpm, ...rounded(grid.bars.slice(0, 2))], [120, 0.6, 2.6], "as found");
});
await test("bars follow the metre, and move by beats", () => {
  const grid = gridOf({ metre: "3/4" });
  equal(rounded(grid.bars.slice(0, 3)), [0.6, 2.1, 3.6], "as found");
  grid.correction = { metre: "6/8" };
  equal([...rounded(grid.bars.slice(0, 2)), grid.clicks.slice(3, 10).map(({ strength }) => strength)], [0.6, 1.6, [2, 0, 0, 1, 0, 0, 2]], "two beats of three");
  grid.correction = { metre: "5/4" };
  grid.moveBars(-1);
  equal([...rounded(grid.bars.slice(0, 2)), grid.correction.moved], [0.1, 2.6, -1], "moved");
});
await test("a count ends at the next bar line, on the song's beats where it sounds", () => {
  const grid = gridOf();
  equal(grid.countIn(0), null, "without bars to count");
  grid.countedBars = 1;
  const count = (time) => {
    const { lead, clicks, end } = grid.countIn(time);
    return [...rounded([lead, end]), rounded(clicks.map((click) => click.time)), clicks.map(({ strength }) => strength)];
  };
  equal(count(0), [1.4, 0.6, [-1.4, -0.9, -0.4, 0.1], [2, 1, 1, 1]], "before bar 1");
  equal(count(2.6), [2, 2.6, [0.6, 1.1, 1.6, 2.1], [2, 1, 1, 1]], "at a bar line");
  equal(count(3.2), [0.6, 4.6, [2.6, 3.1, 3.6, 4.1], [2, 1, 1, 1]], "within a bar");
  equal(count(19.8)[1], 20.6, "after the last bar line");
  grid.countedBars = 2;
  equal(count(2.6)[0], 4, "two bars");
});
await test("keys are spelt by the circle of fifths", () => {
  equal([["A# major"], ["Bb major"], ["D# minor"], ["F# minor", 2], ["C major", -1], ["B major", 1]].map((each) => format.keyWords(...each)), ["B♭ major", "B♭ major", "E♭ minor", "G♯ minor", "B major", "C major"], "keys");
});
return passed;
