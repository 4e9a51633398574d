// The beginning of each script that a test runs in the page. Stems are read here, independent of the page's reader;
// Chromium's own decoder divides positive samples of 16 bits by 32767, so its result differs by half a step.

/** Imports a module of the page, whose folder the icon is in. */
const moduleOf = (path) => import(new URL(path, document.querySelector("[rel=icon]").href));
const { stage } = await moduleOf("main.js");
const { backend } = await moduleOf("backend.js");

const longestMilliseconds = 25_000;
const until = async (isTrue) => {
  const end = Date.now() + longestMilliseconds;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`not within ${longestMilliseconds} ms: ${isTrue}\nthe page says:\n${document.body.innerText}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
/** Resolves when the page has drawn what has changed. */
const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

const decode = async (path) => {
  const bytes = await (await fetch(path)).arrayBuffer();
  const view = new DataView(bytes);
  const chunks = {};
  for (let at = 12; at < bytes.byteLength - 8; at += 8 + view.getUint32(at + 4, true))
    chunks[String.fromCharCode(...new Uint8Array(bytes, at, 4))] = at + 8;
  const [channels, bits] = [view.getUint16(chunks["fmt "] + 2, true), view.getUint16(chunks["fmt "] + 14, true)];
  if (bits !== 16) throw new Error(`${path} has ${bits} bits`);
  const samples = new Int16Array(bytes.slice(chunks.data));
  const frames = Math.floor(samples.length / channels);
  return [0, 1].map((channel) => Float32Array.from({ length: frames }, (_, frame) => samples[frame * channels + Math.min(channel, channels - 1)] / 32768));
};
const decodeStems = () => Promise.all(stage.mixer.job.stems.map((stem) => decode(stem.url.replace(/\.\w+$/, ".wav"))));
/** The address of the mix as it sounds now. */
const mixAddress = async () => backend.linkTo(stage.mixer.exports.mix("wav"));
const loudest = (plane) => plane.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Frames from `play` to the first sample, and of the ramp that a run begins with. */
const rate = 44100;
const lead = Math.ceil(0.03 * rate);
const fade = Math.ceil(0.015 * rate);
/** Renders the page's engine offline; `prepare(engine)` turns its controls before it plays from a frame. */
const render = async (seconds, from, prepare = () => {}) => {
  const { Engine } = await moduleOf("sound/engine.js");
  const { Pieces } = await moduleOf("sound/pieces.js");
  const { job } = stage.mixer;
  const context = new AudioContext({ sampleRate: rate, seconds });
  const engine = new Engine(context, await Pieces.open(job), job.stems.map(({ name }) => name));
  await prepare(engine);
  await engine.play(from);
  const buffer = await context.startRendering();
  engine.close();
  return [0, 1].map((channel) => buffer.getChannelData(channel));
};
/** The largest difference of rendered samples and a sum of stems; `frameAt(i)` is the song's frame of sample i. */
const difference = (rendered, stems, gains, frameAt, first, end = rendered[0].length) => {
  let worst = 0;
  for (let channel = 0; channel < 2; channel += 1) {
    for (let i = first; i < end; i += 1) {
      let sum = 0;
      stems.forEach((stem, index) => { sum += gains[index] * (stem[channel][frameAt(i)] ?? 0); });
      worst = Math.max(worst, Math.abs(rendered[channel][i] - sum));
    }
  }
  return worst;
};

const heardFrames = 4096;
/** Plays on for 0.2 s; returns its last samples, both channels in one, and the song's frame that is shown after them. */
const hear = async () => {
  const { engine } = stage.mixer;
  const analyser = new AnalyserNode(sound, { fftSize: heardFrames });
  engine.output.connect(analyser);
  await sound.advance(0.2);
  const samples = new Float32Array(heardFrames);
  analyser.getFloatTimeDomainData(samples);
  engine.output.disconnect(analyser);
  return { samples, end: engine.position };
};
/** The largest difference of what sounds and a sum of stems, at the place that is shown. */
const heardDifference = async (gains) => {
  const { samples, end } = await hear();
  const stems = await decodeStems();
  return samples.reduce((worst, sample, i) => {
    const frame = end - heardFrames + i;
    const expected = stems.reduce((sum, [left, right], index) => sum + (gains[index] * (left[frame] + right[frame])) / 2, 0);
    return Math.max(worst, Math.abs(sample - expected));
  }, 0);
};
