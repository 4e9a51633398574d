// The network as a picture's plan: its blocks, their places and what is known of them.

/** Patterns of the values that the picture shows. */
export const shown = ["mix", "mag", "encoder.?", "tencoder.?", "crosstransformer.layers.?", "crosstransformer.layers_t.?", "decoder.?", "tdecoder.?", "output", "add_67", "final"].join(",");

const words = {
  mix: "the piece, normalised",
  mag: "its spectrogram, complex numbers as channels",
  output: "spectrograms of all stems",
  add_67: "waveforms of all stems, from the waveform's branch",
  final: "the stems: the inverse STFT of output plus add_67",
  encoder: "encoder of the spectrogram: a convolution along frequency, DConv, a gate",
  tencoder: "encoder of the waveform: a convolution along time, DConv, a gate",
  layers: "tokens of the spectrogram, after attention and feed-forward",
  layers_t: "tokens of the waveform, after attention and feed-forward",
  decoder: "decoder of the spectrogram: adds the skip, rewrites, DConv, then a transposed convolution along frequency",
  tdecoder: "decoder of the waveform: adds the skip, rewrites, DConv, then a transposed convolution along time",
};

/** Chapters of the course by the kind of a block. */
const chapters = {
  mix: "09_whole_songs.md", mag: "02_seeing_sound.md", encoder: "04_two_encoders.md", tencoder: "04_two_encoders.md", decoder: "08_back_to_sound.md", tdecoder: "08_back_to_sound.md", output: "08_back_to_sound.md", add_67: "08_back_to_sound.md", final: "08_back_to_sound.md",
};

/** "encoder" of encoder.1, "layers_t" of crosstransformer.layers_t.0. */
export const kindOf = (name) => name.replace("crosstransformer.", "").replace(/\.\d+$/, "");
const indexOf = (name) => Number(name.match(/\d+$/)?.[0] ?? 0);
const rowOf = (name) => (["mix", "tencoder", "layers_t", "tdecoder", "add_67"].includes(kindOf(name)) ? 1 : 0);

/**
 * The blocks of a network.
 * @param values what a pass gave of `shown`, in the order of computation
 * @param architecture of the engine's model
 * @returns {{ blocks: { name, kind, row, step, words, chapter, parameters, skip, isCross }[], steps: number }} `row` 0 is the spectrogram's branch, 1 the
 *   waveform's; `skip` is the step of the decoder that gets the block's output
 */
export function networkOf(values, { shapes }) {
  const names = values.map(({ name }) => name);
  const count = (kind) => names.filter((name) => kindOf(name) === kind).length;
  const [levels, layers, decoders] = [count("encoder"), count("layers"), count("decoder")];
  const end = levels + layers + decoders + 1;
  const stepOf = (name) => {
    const [kind, index] = [kindOf(name), indexOf(name)];
    if (kind === "mix" || kind === "mag") return 0;
    if (kind.endsWith("encoder")) return 1 + index;
    if (kind.startsWith("layers")) return 1 + levels + index;
    if (kind === "final") return end + 1;
    // A waveform's decoder may begin later.
    return kind.endsWith("decoder") ? 1 + levels + layers + index + decoders - count(kind) : end;
  };
  const blocks = names.map((name) => {
    const [kind, row, step] = [kindOf(name), rowOf(name), stepOf(name)];
    const own = Object.entries(shapes).filter(([key]) => key.startsWith(`${name}.`));
    const isCross = own.some(([key]) => key.includes(".cross_attn."));
    return {
      name, kind, row, step, isCross, words: words[kind], chapter: chapters[kind] ?? (isCross ? "07_the_branches_talk.md" : "06_tokens_and_attention.md"),
      parameters: own.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0),
      skip: kind.endsWith("encoder") && names.includes(name.replace("encoder", "decoder")) ? end - step : null,
    };
  });
  return { blocks, steps: end + 2 };
}

/**
 * Each block's share of a pass.
 * @param times `[block of the network, milliseconds]` in their order, from "begin" on; of a bag's several passes they add up
 */
export function sharesOf(times) {
  const shares = {};
  let [last, layer] = [0, 0];
  const total = times.at(-1)[1] - times[0][1];
  for (const [block, now] of times) {
    if (block === "begin") {
      [last, layer] = [now, 0];
      continue;
    }
    const name = { stft: "mag", istft: "final" }[block] ?? (block === "crosstransformer" ? `crosstransformer.layers.${layer++}` : block);
    shares[name] = (shares[name] ?? 0) + (now - last) / total;
    last = now;
  }
  return shares;
}
