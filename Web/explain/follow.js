// One number of a value, followed back to the inputs and weights that made it. Names and shapes are those of `swift-demucs trace`.

import { gelu, groupNorm, hann, layerNorm, reflect, sigmoid, softmax } from "./maths.js";

/** An element of a value `{ shape, values }`. */
export const at = ({ shape, values }, ...index) => values[index.reduce((place, i, axis) => place * shape[axis] + i, 0)];

/** A value with three axes: those of a waveform, [channel, time], get a last one of length 1. */
const planes = (value) => (value.shape.length === 2 ? { ...value, shape: [...value.shape, 1] } : value);

/** [row, channel, time] as [channel, row, time], the order of DConv's rows in the spectrogram. */
function channelsFirst(value) {
  if (value.shape.length === 2) return planes(value);
  const [rows, channels, times] = value.shape;
  const values = new Float32Array(value.values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const from = (row * channels + channel) * times;
      values.set(value.values.subarray(from, from + times), (channel * rows + row) * times);
    }
  }
  return { shape: [channels, rows, times], values };
}

/** A row of a spectrogram as [channel][time], or a whole waveform if `row` is null. */
const rowOf = ({ shape: [channels, rows, times], values }, row) => Array.from({ length: channels }, (_, channel) =>
  (row === null ? values.subarray(channel * rows, (channel + 1) * rows) : values.subarray((channel * rows + row) * times, (channel * rows + row + 1) * times)));

const mapped = ({ shape, values }, change) => ({ shape, values: values.map(change) });

/** Element by element: x + y of one shape. */
const added = (x, y) => ({ shape: x.shape, values: x.values.map((value, place) => value + y.values[place]) });

/** The parameters of a module by their names in it. */
const within = (parameters, prefix) => Object.fromEntries(Object.entries(parameters).filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]));

/** A sum as it is shown: `terms` are `{ name, input, weight }`. */
const sumOf = (terms, bias = 0) => ({ terms, bias, sum: terms.reduce((total, { input, weight }) => total + input * weight, bias) });

const bounded = (place, length) => place >= 0 && place < length;

/** A number of a convolution over the second and the third axis. */
function convolved(x, weight, bias, [channel, row, time = 0], { stride = 1, padding }) {
  const [, inputs, taps, width = 1] = weight.shape;
  const terms = [];
  for (let i = 0; i < inputs; i += 1) {
    for (let j = 0; j < taps; j += 1) {
      for (let k = 0; k < width; k += 1) {
        const [from, to] = [stride * row + j - padding, time + k - (width - 1) / 2];
        if (!bounded(from, x.shape[1]) || !bounded(to, x.shape[2])) continue;
        terms.push({ name: x.shape[2] > 1 ? `x[${i}, ${from}, ${to}]` : `x[${i}, ${from}]`, input: at(x, i, from, to), weight: weight.values[((channel * inputs + i) * taps + j) * width + k] });
      }
    }
  }
  return sumOf(terms, bias.values[channel]);
}

/** A number of a transposed convolution over the second axis. */
function transposed(x, weight, bias, [channel, row, time = 0], stride) {
  const [inputs, outputs, taps] = weight.shape;
  const terms = [];
  for (let i = 0; i < inputs; i += 1) {
    for (let j = row % stride; j < taps; j += stride) {
      const from = (row - j) / stride;
      if (!bounded(from, x.shape[1])) continue;
      terms.push({ name: x.shape[2] > 1 ? `x[${i}, ${from}, ${time}]` : `x[${i}, ${from}]`, input: at(x, i, from, time), weight: weight.values[(i * outputs + channel) * taps + j] });
    }
  }
  return sumOf(terms, bias.values[channel]);
}

/** A gate of two numbers. */
function gated(value, [channel, ...place]) {
  const [a, b] = [at(value, channel, ...place), at(value, channel + value.shape[0] / 2, ...place)];
  return { ...sumOf([{ name: "a · σ(b)", input: a, weight: sigmoid(b) }]), notes: [["a", a], ["b", b], ["σ(b)", sigmoid(b)]] };
}

/** A number that a layer of DConv adds, in a row of x, [channel, time]. */
function residual(rows, w, dilation, channel, time) {
  const [hidden, inputs, taps] = w["0.weight"].shape;
  const [channels, length] = [rows.length, rows[0].length];
  const half = Array.from({ length: hidden }, (_, h) => Float64Array.from({ length }, (_, t) => {
    let total = w["0.bias"].values[h];
    for (let i = 0; i < inputs; i += 1) {
      for (let j = 0; j < taps; j += 1) total += (rows[i][t + (j - (taps - 1) / 2) * dilation] ?? 0) * w["0.weight"].values[(h * inputs + i) * taps + j];
    }
    return total;
  }));
  const inner = groupNorm(half, 1, w["1.weight"].values, w["1.bias"].values).map((row) => row.map(gelu));
  const wide = Array.from({ length: 2 * channels }, (_, c) => Float64Array.from({ length }, (_, t) => {
    let total = w["3.bias"].values[c];
    for (let h = 0; h < hidden; h += 1) total += inner[h][t] * w["3.weight"].values[c * hidden + h];
    return total;
  }));
  const normed = groupNorm(wide, 1, w["4.weight"].values, w["4.bias"].values);
  const [a, b] = [normed[channel][time], normed[channel + channels][time]];
  const gamma = w["6.scale"].values[channel];
  return {
    ...sumOf([{ name: "γ · a · σ(b)", input: gamma, weight: a * sigmoid(b) }]),
    notes: [
      ...inner.map((row, h) => [`h[${h}], after norm and GELU`, row[time]]),
      ["before the norm, W₂ h + b₂", wide[channel][time]], ["a, after it", a], ["b, after it", b], ["σ(b)", sigmoid(b)], ["γ", gamma],
    ],
  };
}

/** A number of attention's output: a row of the other tokens is read by each head. */
function attended(tokens, others, w, norms, heads, [token, channel]) {
  const size = tokens.shape[1];
  const row = (value, index) => value.values.subarray(index * size, (index + 1) * size);
  const project = (vector, first, count) => Float64Array.from({ length: count }, (_, o) => {
    let total = w.in_proj_bias.values[first + o];
    for (let i = 0; i < size; i += 1) total += vector[i] * w.in_proj_weight.values[(first + o) * size + i];
    return total;
  });
  const query = project(layerNorm(row(tokens, token), norms[0].weight.values, norms[0].bias.values), 0, size);
  const count = others.shape[0];
  const read = Array.from({ length: count }, (_, other) => project(layerNorm(row(others, other), norms[1].weight.values, norms[1].bias.values), size, 2 * size));
  const width = size / heads;
  const terms = [];
  const notes = [];
  for (let head = 0; head < heads; head += 1) {
    const scores = read.map((keyValue) => {
      let total = 0;
      for (let d = head * width; d < (head + 1) * width; d += 1) total += query[d] * keyValue[d];
      return total / Math.sqrt(width);
    });
    const weights = softmax(scores);
    const best = weights.reduce((found, weight, other) => (weight > weights[found] ? other : found), 0);
    notes.push([`head ${head} reads most of token ${best}, with the weight`, weights[best]]);
    for (let d = head * width; d < (head + 1) * width; d += 1) {
      let value = 0;
      for (let other = 0; other < count; other += 1) value += weights[other] * read[other][size + d];
      terms.push({ name: `head ${head}, value ${d - head * width}`, input: value, weight: w["out_proj.weight"].values[channel * size + d] });
    }
  }
  return { ...sumOf(terms, w["out_proj.bias"].values[channel]), notes };
}

/** A number of the spectrogram: the real (even channel) or the imaginary part of a bin of a frame. */
function transformed(mix, nfft, [channel, bin, frame]) {
  const length = mix.shape[1];
  const hop = nfft / 4;
  const edge = (3 * hop) / 2;
  const samples = mix.values.subarray((channel >> 1) * length, ((channel >> 1) + 1) * length);
  const padded = reflect(samples, edge, edge + Math.ceil(length / hop) * hop - length);
  const window = hann(nfft);
  const terms = Array.from({ length: nfft }, (_, n) => {
    const angle = (2 * Math.PI * bin * n) / nfft;
    return { name: `sample ${frame * hop - edge + n}`, input: padded[frame * hop + n], weight: (window[n] * (channel % 2 ? -Math.sin(angle) : Math.cos(angle))) / Math.sqrt(nfft) };
  });
  return sumOf(terms);
}

/** A sample of a stem: the frames of the spectrogram that overlap there, and the waveform's branch. */
function overlapped(output, waveform, nfft, [source, channel, sample]) {
  const hop = nfft / 4;
  const edge = (3 * hop) / 2;
  const [, , bins, frames] = output.shape;
  const window = hann(nfft);
  const first = Math.floor((sample + edge - nfft) / hop) + 1;
  const parts = [0, 1, 2, 3].map((offset) => {
    const frame = first + offset;
    const n = sample + edge - frame * hop;
    let value = 0;
    for (let f = 0; bounded(frame, frames) && f < bins; f += 1) {
      const angle = (2 * Math.PI * f * n) / nfft;
      value += (f ? 2 : 1) * (at(output, source, 2 * channel, f, frame) * Math.cos(angle) - at(output, source, 2 * channel + 1, f, frame) * Math.sin(angle));
    }
    return { name: `frame ${frame}`, input: value / Math.sqrt(nfft), window: window[n] };
  });
  const weight = parts.reduce((total, part) => total + part.window ** 2, 0);
  return sumOf([...parts.map((part) => ({ name: part.name, input: part.input, weight: part.window / weight })), { name: "add_67, the waveform's branch", input: at(waveform, source, channel, sample), weight: 1 }]);
}

const strideOf = (shape) => shape[2] / 2;

/**
 * The steps of a block that can be followed.
 *
 * Each has `label`, `formula`, `value`, the name of the value whose number is followed, `axes` of it, `needs`, the names of the values
 * that it is made of, `weights`, a pattern of parameters or null, and `follow(point, values, weights)`, which returns
 * `{ terms, bias, sum, notes }`.
 * The last argument is the architecture of the engine's model (swift-demucs.d.ts).
 */
export function stepsOf(name, { shapes, nfft, heads }) {
  // Norms around the convolutions, and a level where the branches meet, are in Demucs v3 alone.
  if ([`${name}.norm1.weight`, `${name}.norm2.weight`].some((norm) => /coder/.test(name) && norm in shapes)) return [];
  const [kind, level] = [name.split(".")[0], Number(name.split(".").at(-1))];
  if (name === "mag") {
    return [{
      label: "STFT frame", formula: "X[f, t] = 1/√n · Σₖ w[k] · x[t·h + k] · e^(−2πi f k / n), real parts in even channels", value: "mag", axes: ["channel", "bin", "frame"], needs: ["mix"], weights: null,
      follow: (point, { mix }) => transformed(mix, nfft, point),
    }];
  }
  if (name === "final") {
    return [{
      label: "Overlap-add", formula: "s[n] = Σₜ w[n − t·h] · yₜ[n − t·h] / Σₜ w[n − t·h]² + waveform[n]", value: "final", axes: ["source", "channel", "sample"], needs: ["output", "add_67"], weights: null,
      follow: (point, values) => overlapped(values.output, values.add_67, nfft, point),
    }];
  }
  if (kind === "crosstransformer") return attentionSteps(name, level, shapes, heads);
  if (!/^t?(en|de)coder\.\d+$/.test(name)) return [];
  return kind.endsWith("encoder") ? encoderSteps(name, level, kind, shapes) : decoderSteps(name, level, kind, shapes);
}

const axesOf = (kind) => (kind[0] === "t" ? ["channel", "place in time"] : ["channel", "frequency", "frame"]);
const placeWords = (kind, freq, waveform) => (kind[0] === "t" ? waveform : freq);

function encoderSteps(name, level, kind, shapes) {
  if (!(`${name}.rewrite.weight` in shapes)) return [];
  const stem = kind[0] === "t" ? "xt" : "x";
  const embedded = level === 1 && kind === "encoder" && "freq_emb.embedding.weight" in shapes;
  const before = level ? `${kind}.${level - 1}${embedded ? ".embedded" : ""}` : stem;
  const stride = strideOf(shapes[`${name}.conv.weight`]);
  const padding = shapes[`${name}.conv.weight`][2] / 4;
  const conv = {
    label: "Convolution", formula: placeWords(kind, `y[c, f, t] = b[c] + Σᵢ Σⱼ W[c, i, j] · x[i, ${stride}f + j − ${padding}, t]`, `y[c, t] = b[c] + Σᵢ Σⱼ W[c, i, j] · x[i, ${stride}t + j − ${padding}]`),
    value: `${name}.conv`, axes: axesOf(kind), needs: [before], weights: `${name}.conv.*`,
    follow: (point, values, w) => convolved(planes(values[before]), w[`${name}.conv.weight`], w[`${name}.conv.bias`], point, { stride, padding }),
  };
  const dconv = dconvSteps(name, kind, shapes, [`${name}.conv`], (values) => planes(values[`${name}.conv`]), gelu);
  const rewrite = dconv.length
    ? rewriteStep(name, kind, shapes, [`${name}.dconv`], (values) => channelsFirst(values[`${name}.dconv`]))
    : rewriteStep(name, kind, shapes, [`${name}.conv`], (values) => mapped(planes(values[`${name}.conv`]), gelu));
  return [conv, ...dconv, rewrite, gateStep(name, kind, name)];
}

function decoderSteps(name, level, kind, shapes) {
  const levels = Object.keys(shapes).filter((key) => new RegExp(`^${kind}\\.\\d+\\.conv_tr\\.weight$`).test(key)).length;
  const encoder = kind.replace("decoder", "encoder");
  const depth = levels - 1 - level;
  const skip = `${encoder}.${depth}${depth === 0 && kind === "decoder" && "freq_emb.embedding.weight" in shapes ? ".embedded" : ""}`;
  const first = kind[0] === "t" ? "channel_downsampler_t" : "channel_downsampler";
  const before = level ? `${kind}.${level - 1}` : first;
  const input = (values) => {
    const skipped = planes(values[skip]);
    return added(skipped, { values: values[before].values });
  };
  const steps = [];
  if (!(`${name}.rewrite.weight` in shapes)) return steps;
  if (level || `${first}.weight` in shapes) steps.push(rewriteStep(name, kind, shapes, [before, skip], input));
  const gate = (values) => gates(planes(values[`${name}.rewrite`]));
  const dconv = dconvSteps(name, kind, shapes, [`${name}.rewrite`], gate, (value) => value);
  steps.push(...dconv);
  const stride = strideOf(shapes[`${name}.conv_tr.weight`]);
  steps.push({
    label: "Transposed convolution", formula: placeWords(kind, `y[c, ${stride}f + j, t] += W[i, c, j] · x[i, f, t], then + b[c]`, `y[c, ${stride}t + j] += W[i, c, j] · x[i, t], then + b[c]`),
    value: `${name}.conv_tr`, axes: axesOf(kind), needs: [dconv.length ? `${name}.dconv` : `${name}.rewrite`], weights: `${name}.conv_tr.*`,
    follow: (point, values, w) => transposed(dconv.length ? channelsFirst(values[`${name}.dconv`]) : gate(values), w[`${name}.conv_tr.weight`], w[`${name}.conv_tr.bias`], point, stride),
  });
  return steps;
}

/** GLU of a whole value. */
function gates(x) {
  const half = x.values.length / 2;
  return { shape: [x.shape[0] / 2, x.shape[1], x.shape[2]], values: x.values.subarray(0, half).map((value, place) => value * sigmoid(x.values[half + place])) };
}

function rewriteStep(name, kind, shapes, needs, input) {
  const taps = shapes[`${name}.rewrite.weight`][2];
  return {
    label: taps > 1 ? "Rewrite: a convolution with its neighbours" : "Rewrite: a 1 × 1 convolution",
    formula: taps > 1 ? placeWords(kind, "y[c, f, t] = b[c] + Σᵢ Σⱼ Σₖ W[c, i, j, k] · x[i, f + j − 1, t + k − 1], x with the skip", "y[c, t] = b[c] + Σᵢ Σⱼ W[c, i, j] · x[i, t + j − 1], x with the skip") : placeWords(kind, "y[c, f, t] = b[c] + Σᵢ W[c, i] · x[i, f, t]", "y[c, t] = b[c] + Σᵢ W[c, i] · x[i, t]"),
    value: `${name}.rewrite`, axes: axesOf(kind), needs, weights: `${name}.rewrite.*`,
    follow: (point, values, w) => convolved(input(values), w[`${name}.rewrite.weight`], w[`${name}.rewrite.bias`], point, { padding: (taps - 1) / 2 }),
  };
}

const gateStep = (name, kind, value) => ({
  label: "GLU: the gate", formula: "y = a · σ(b), a and b the two halves of rewrite", value, axes: axesOf(kind), needs: [`${name}.rewrite`], weights: null,
  follow: (point, values) => gated(values[`${name}.rewrite`], point),
});

/** `activation` is applied to the numbers of `input(values)`. */
function dconvSteps(name, kind, shapes, needs, input, activation) {
  const layers = [0, 1, 2, 3].filter((layer) => `${name}.dconv.layers.${layer}.6.scale` in shapes);
  return layers.map((layer) => ({
    label: `DConv, layer ${layer + 1}: dilation ${2 ** layer}, GroupNorm, LayerScale`,
    formula: `γ · GLU(norm(W₂ · GELU(norm(conv₃(x))))), norm(v) = (v − μ) / √(σ² + 10⁻⁵) · w + b, μ and σ over ${placeWords(kind, "the row of a frequency", "the whole waveform")}`,
    value: `${name}.dconv.layers.${layer}`, axes: kind[0] === "t" ? ["channel", "place in time"] : ["frequency", "channel", "frame"],
    needs: [...needs, ...layers.slice(0, layer).map((earlier) => `${name}.dconv.layers.${earlier}`)], weights: `${name}.dconv.layers.${layer}.*`,
    follow: (point, values, w) => {
      const [row, channel, time] = kind[0] === "t" ? [null, ...point] : point;
      const signal = rowOf(input(values), row).map((numbers) => numbers.map(activation));
      for (const earlier of layers.slice(0, layer)) {
        rowOf(channelsFirst(values[`${name}.dconv.layers.${earlier}`]), row).forEach((numbers, c) => numbers.forEach((number, t) => { signal[c][t] += number; }));
      }
      return residual(signal, within(w, `${name}.dconv.layers.${layer}.`), 2 ** layer, channel, time);
    },
  }));
}

function attentionSteps(name, level, shapes, heads) {
  const isCross = `${name}.cross_attn.in_proj_weight` in shapes;
  const part = isCross ? "cross_attn" : "self_attn";
  const branch = name.split(".")[1];
  const other = isCross ? (branch === "layers" ? "layers_t" : "layers") : branch;
  const suffix = (of) => (of === "layers" ? ["norm_in", "pos_emb_2d"] : ["norm_in_t", "pos_emb"]).map((value) => `crosstransformer.${value}`);
  const names = (of) => (level ? [`crosstransformer.${of}.${level - 1}`] : suffix(of));
  const tokens = (values, of) => names(of).map((value) => values[value]).reduce(added);
  return [{
    label: isCross ? "Cross-attention" : "Self-attention", formula: `o = Wₒ · Σⱼ softmax(q · kⱼ / √d) · vⱼ + bₒ, ${isCross ? "k and v from the other branch" : "k and v from the same tokens"}`,
    value: `${name}.${part}`, axes: ["token", "channel"], needs: [...new Set([...names(branch), ...names(other)])], weights: `${name}.*`,
    follow: (point, values, w) => {
      const norm = (which) => ({ weight: w[`${name}.${which}.weight`], bias: w[`${name}.${which}.bias`] });
      return attended(tokens(values, branch), tokens(values, other), within(w, `${name}.${part}.`), [norm("norm1"), norm(isCross ? "norm2" : "norm1")], heads, point);
    },
  }];
}
