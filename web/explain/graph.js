// The network as a graph of values, in which one number is followed to the inputs and weights that made it.
// Names and shapes are those of `swift-demucs trace`, but channels come first in DConv too.

import { gelu, hann, reflect, sigmoid } from "./maths.js";
import { Value, sizeOf } from "./value.js";

const isInside = (place, shape) => place.every((index, axis) => index >= 0 && index < shape[axis]);
/** The factor of the frequency embedding, freq_emb · emb_scale: 0.2 · 10 in all published models (docs/MODEL.md, section 5). */
const embeddingScale = 2;

/** All values of a model that can be followed, on one piece. */
export class Graph {
  values = {};
  parameters = {};
  #shapes;

  /** @param architecture of the engine's model (swift-demucs.d.ts) */
  constructor({ shapes, nfft, heads }) {
    this.#shapes = shapes;
    this.#signal(nfft);
    for (const kind of ["encoder", "tencoder"]) for (let level = 0; level < this.#levels(kind, "conv"); level += 1) this.#encoder(kind, level);
    for (const branch of ["layers", "layers_t"]) this.#tokens(branch);
    for (let level = 0; level < this.#levels("crosstransformer.layers", "norm1"); level += 1) for (const branch of ["layers", "layers_t"]) this.#layer(branch, level, heads);
    for (const kind of ["decoder", "tdecoder"]) for (let level = 0; level < this.#levels(kind, "conv_tr"); level += 1) this.#decoder(kind, level);
    this.#stems(nfft);
  }

  /** The values of a block, in the order of computation: its steps. */
  stepsOf(block) {
    return Object.values(this.values).filter((value) => value.block === block && value.label);
  }

  /** Names of values and parameters that must be given before a value can be followed. */
  needsOf(value, needs = { values: new Set(), parameters: new Set() }) {
    for (const { name, shapeOf, numbers } of [value, ...value.inputs]) if (!shapeOf && !numbers) needs.values.add(name);
    for (const name of value.weights) if (!(name in this.parameters)) needs.parameters.add(name);
    for (const input of value.inputs) if (input.shapeOf) this.needsOf(input, needs);
    return needs;
  }

  give(values, parameters) {
    Object.assign(this.parameters, parameters);
    for (const [name, value] of Object.entries(values)) this.values[name].prepare(value);
  }

  #add(fields) {
    return (this.values[fields.name] = new Value(fields));
  }

  /** A value by its name; one that can't be followed has no label. */
  #get(name) {
    return this.values[name] ?? this.#add({ name });
  }

  #w(name) {
    return this.parameters[name].values;
  }

  // Operations

  /** A convolution along `axis`, or along the second and the third one. */
  #convolution(fields, x, key, { axis = 1, stride = 1, padding, dilation = 1 }) {
    const [, inputs, taps, width = 1] = this.#shapes[`${key}.weight`];
    return this.#add({ ...fields, inputs: [x], weights: [`${key}.weight`, `${key}.bias`], make: (place, add) => {
      const weight = this.#w(`${key}.weight`);
      for (let i = 0; i < inputs; i += 1) {
        for (let tap = 0; tap < taps * width; tap += 1) {
          const from = [i, ...place.slice(1)];
          from[axis] = stride * place[axis] + Math.floor(tap / width) * dilation - padding;
          if (width > 1) from[2] += (tap % width) - (width - 1) / 2;
          if (isInside(from, x.shape)) add(x, from, weight[(place[0] * inputs + i) * taps * width + tap]);
        }
      }
      return { bias: this.#w(`${key}.bias`)[place[0]] };
    } });
  }

  /** A matrix times the channels of x; `first` is the first row of the matrix, `at` tells where in x the channel i is. */
  #linear(fields, x, [weightKey, biasKey], { axis = 1, first = 0, at = null } = {}) {
    const size = this.#shapes[weightKey][1];
    return this.#add({ inputs: [x], ...fields, weights: [weightKey, biasKey], make: (place, add) => {
      const weight = this.#w(weightKey);
      const row = first + place[axis];
      for (let i = 0; i < size; i += 1) add(x, at ? at(place, i) : [place[0], i], weight[row * size + i]);
      return { bias: this.#w(biasKey)[row] };
    } });
  }

  /** (x − μ) / √(σ² + 10⁻⁵) · w + b, with mean and deviation over all numbers, or those with one index of an axis. */
  #norm(fields, x, key, { axis, fixed }) {
    return this.#add({ shapeOf: () => x.shape, formula: "y = (x − μ) / √(σ² + 10⁻⁵) · w + b", ...fields, inputs: [x], weights: [`${key}.weight`, `${key}.bias`], make: (place, add) => {
      const { mean, squares, count } = x.statistics(fixed, place);
      const weight = this.#w(`${key}.weight`)[place[axis]] / Math.sqrt(squares / count + 1e-5);
      add(x, place, weight);
      add(null, null, -weight, { input: mean, name: `μ, the mean of ${count.toLocaleString("en")} numbers` });
      return { bias: this.#w(`${key}.bias`)[place[axis]], notes: [["σ, their deviation", Math.sqrt(squares / count)]] };
    } });
  }

  #gelu(fields, x, at = (place) => place) {
    return this.#add({ shapeOf: () => x.shape, label: "GELU", formula: "y = x · Φ(x), Φ(x) = ½ (1 + erf(x / √2))", axes: x.axes, ...fields, inputs: [x], make: (place, add) => {
      const value = x.at(at(place));
      add(x, at(place), value ? gelu(value) / value : 0.5);
    } });
  }

  #gate(fields, x) {
    return this.#add({ shapeOf: () => [x.shape[0] / 2, ...x.shape.slice(1)], label: "GLU: the gate", formula: "y = a · σ(b), a and b the two halves of the channels", axes: x.axes, ...fields, inputs: [x], make: (place, add) => {
      const byPlace = [place[0] + x.shape[0] / 2, ...place.slice(1)];
      add(x, place, sigmoid(x.at(byPlace)), { by: x, byPlace });
      return { notes: [["b", x.at(byPlace)]] };
    } });
  }

  #scaled(fields, x, key, axis) {
    return this.#add({ shapeOf: () => x.shape, label: "LayerScale", formula: "y = γ · x, a factor γ for each channel", axes: x.axes, ...fields, inputs: [x], weights: [key], make: (place, add) => add(x, place, this.#w(key)[place[axis]]) });
  }

  #sum(fields, ...inputs) {
    return this.#add({ shapeOf: () => inputs[0].shape, formula: "y = x + r", axes: inputs[0].axes, ...fields, inputs, make: (place, add) => inputs.forEach((input) => add(input, place, 1)) });
  }

  // The network

  #signal(nfft) {
    const hop = nfft / 4;
    const edge = (3 * hop) / 2;
    const mix = this.#add({ name: "mix", block: "mix", label: "The piece", formula: "Here the trail ends: a sample of the piece itself.", axes: ["channel", "sample"] });
    const mag = this.#add({ name: "mag", block: "mag", label: "STFT frame", formula: "X[f, t] = 1/√n · Σₖ w[k] · x[t·h + k] · e^(−2πi f k / n), real parts in even channels", axes: ["channel", "bin", "frame"], inputs: [mix], make: ([channel, bin, frame], add) => {
      const length = mix.shape[1];
      // Numbers of the samples from 1 on, so that 0 is padding.
      const padded = reflect(Float64Array.from({ length }, (_, n) => n + 1), edge, edge + Math.ceil(length / hop) * hop - length);
      hann(nfft).forEach((window, n) => {
        const [angle, sample] = [(2 * Math.PI * bin * n) / nfft, padded[frame * hop + n] - 1];
        if (sample >= 0) add(mix, [channel >> 1, sample], (window * (channel % 2 ? -Math.sin(angle) : Math.cos(angle))) / Math.sqrt(nfft));
      });
    } });
    for (const of of [mag, mix]) {
      this.#add({ name: of === mag ? "x" : "xt", block: of.block, label: "Input norm", formula: "y = (x − μ) / (σ + 10⁻⁵), over all numbers", axes: of.axes, inputs: [of], make: (place, add) => {
        const { mean, squares, count } = of.statistics(null, place);
        const weight = 1 / (Math.sqrt(squares / (count - 1)) + 1e-5);
        add(of, place, weight);
        return { bias: -mean * weight, notes: [["μ", mean], ["σ", 1 / weight - 1e-5]] };
      } });
    }
  }

  /** Norms around the convolutions, and a level where the branches meet, are in Demucs v3 alone. */
  #isFollowed(name) {
    return `${name}.rewrite.weight` in this.#shapes && ![`${name}.norm1.weight`, `${name}.norm2.weight`].some((norm) => norm in this.#shapes);
  }

  #encoder(kind, level) {
    const block = `${kind}.${level}`;
    if (!this.#isFollowed(block)) return;
    const [isWave, hasEmbedding] = [kind[0] === "t", kind === "encoder" && "freq_emb.embedding.weight" in this.#shapes];
    const x = this.#get(level ? `${kind}.${level - 1}${level === 1 && hasEmbedding ? ".embedded" : ""}` : isWave ? "xt" : "x");
    const axes = isWave ? ["channel", "place in time"] : ["channel", "frequency", "frame"];
    const [stride, padding] = [this.#shapes[`${block}.conv.weight`][2] / 2, this.#shapes[`${block}.conv.weight`][2] / 4];
    const place = isWave ? `${stride}t + j − ${padding}` : `${stride}f + j − ${padding}, t`;
    const conv = this.#convolution({ name: `${block}.conv`, block, label: "Convolution", axes, formula: `y[c, ${isWave ? "t" : "f, t"}] = b[c] + Σᵢ Σⱼ W[c, i, j] · x[i, ${place}]` }, x, `${block}.conv`, { stride, padding });
    const dconv = this.#dconv(block, this.#gelu({ name: `${block}.gelu`, block }, conv));
    const rewrite = this.#rewrite(block, dconv);
    const output = this.#gate({ name: block, block, shapeOf: null }, rewrite);
    if (level || !hasEmbedding) return;
    this.#add({ name: `${block}.embedded`, block, label: "Frequency embedding", formula: `y[c, f, t] = x[c, f, t] + ${embeddingScale} · E[f, c]`, axes, inputs: [output], weights: ["freq_emb.embedding.weight"], make: (at, add) => {
      add(output, at, 1);
      add(null, null, embeddingScale, { input: this.#w("freq_emb.embedding.weight")[at[1] * output.shape[0] + at[0]], name: `E[${at[1]}, ${at[0]}], a parameter` });
    } });
  }

  #rewrite(block, x) {
    const taps = this.#shapes[`${block}.rewrite.weight`][2];
    return this.#convolution({ name: `${block}.rewrite`, block, axes: x.axes, label: taps > 1 ? "Rewrite: a convolution with its neighbours" : "Rewrite: a 1 × 1 convolution", formula: `y[c] = b[c] + Σᵢ W[c, i] · x[i]${taps > 1 ? ", over the places around it too" : ""}` }, x, `${block}.rewrite`, { padding: (taps - 1) / 2 });
  }

  /** The residual layers of a block; the names of their steps are those of torch's modules. */
  #dconv(block, input) {
    let x = input;
    const [time, fixed] = input.axes.length === 2 ? [1, null] : [2, 1];
    for (let layer = 0; `${block}.dconv.layers.${layer}.6.scale` in this.#shapes; layer += 1) {
      const name = `${block}.dconv.layers.${layer}`;
      const [from, dilation, title] = [x, 2 ** layer, `DConv ${layer + 1}: `];
      const channels = (key) => () => [this.#shapes[`${name}.${key}.weight`][0], ...input.shape.slice(1)];
      const of = (step, label) => ({ name: `${name}.${step}`, block, label: title + label, axes: input.axes });
      const row = { axis: 0, fixed };
      const narrow = this.#convolution({ ...of(0, `3 taps, dilation ${dilation}`), formula: `y[c, t] = b[c] + Σᵢ Σⱼ W[c, i, j] · x[i, t + ${dilation}(j − 1)]`, shapeOf: channels(0) }, from, `${name}.0`, { axis: time, padding: dilation, dilation });
      const hidden = this.#gelu(of(2, "GELU"), this.#norm(of(1, `norm over ${fixed ? "the row" : "the waveform"}`), narrow, `${name}.1`, row));
      const wide = this.#convolution({ ...of(3, "W₂ · h + b₂"), formula: "y[c, t] = b₂[c] + Σᵢ W₂[c, i] · h[i, t]", shapeOf: channels(3) }, hidden, `${name}.3`, { axis: time, padding: 0 });
      const gate = this.#gate(of(5, "the gate"), this.#norm(of(4, "norm of both halves"), wide, `${name}.4`, row));
      const residual = this.#scaled({ name, block, label: `${title}LayerScale`, shapeOf: null }, gate, `${name}.6.scale`, 0);
      const isLast = !(`${block}.dconv.layers.${layer + 1}.6.scale` in this.#shapes);
      x = this.#sum({ name: isLast ? `${block}.dconv` : `${name}.sum`, block, label: `${title}x + residual`, ...(isLast ? { shapeOf: null } : {}) }, from, residual);
    }
    return x;
  }

  /** What enters the first layer of a branch of the transformer. */
  #tokens(branch) {
    const end = branch === "layers" ? "" : "_t";
    const [name, block] = [`crosstransformer.norm_in${end}`, `crosstransformer.${branch}.0`];
    if (!(`${name}.weight` in this.#shapes)) return;
    const last = this.#last(end ? "tencoder" : "encoder", "conv");
    const times = () => (end ? 1 : last.shape[2]);
    let x = last;
    const up = `channel_upsampler${end}`;
    if (`${up}.weight` in this.#shapes) {
      x = this.#linear({ name: up, block, label: "1 × 1 convolution to the tokens' channels", formula: "y[c] = b[c] + Σᵢ W[c, i] · x[i]", axes: ["channel", "frequency · frames + frame"] }, last, [`${up}.weight`, `${up}.bias`],
        { axis: 0, at: ([, p], i) => (end ? [i, p] : [i, Math.floor(p / times()), p % times()]) });
    }
    // Statistics over the channels of a token need tokens first.
    const turned = this.#add({ name: `${name}.tokens`, block, label: "Tokens, time outermost", formula: "y[t · F + f, c] = x[c, f, t]", axes: ["token", "channel"], inputs: [...new Set([x, last])], shapeOf: () => [sizeOf(last.shape.slice(1)), x.shape[0]], make: ([token, channel], add) => {
      const rows = end ? 1 : last.shape[1];
      const [f, t] = [token % rows, Math.floor(token / rows)];
      add(x, end ? [channel, t] : x === last ? [channel, f, t] : [channel, f * times() + t], 1);
    } });
    const norm = this.#norm({ name, block, label: "LayerNorm of a token", axes: turned.axes, shapeOf: null }, turned, name, { axis: 1, fixed: 0 });
    const positions = this.#add({ name: end ? "crosstransformer.pos_emb" : "crosstransformer.pos_emb_2d", block, label: "Position", formula: "Here the trail ends: a sine or cosine of the token's place, without weights.", axes: turned.axes });
    this.#sum({ name: `crosstransformer.${branch}.in`, block, label: "With positions", formula: "y = x + e" }, norm, positions);
  }

  #layer(branch, level, heads) {
    const block = `crosstransformer.${branch}.${level}`;
    const isCross = `${block}.cross_attn.in_proj_weight` in this.#shapes;
    const before = (of) => this.#get(`crosstransformer.${of}.${level ? level - 1 : "in"}`);
    const [x, other] = [before(branch), before(isCross ? (branch === "layers" ? "layers_t" : "layers") : branch)];
    const name = `${block}.${isCross ? "cross_attn" : "self_attn"}`;
    const size = this.#shapes[`${name}.out_proj.weight`][0];
    const width = size / heads;
    const axes = ["token", "channel"];
    const of = (step, label, formula = "y = (x − μ) / √(σ² + 10⁻⁵) · w + b") => ({ name: `${block}.${step}`, block, label, formula, axes });
    const row = { axis: 1, fixed: 0 };
    const normed = this.#norm(of("norm1", "norm1 of a token"), x, `${block}.norm1`, row);
    const read = isCross ? this.#norm(of("norm2", "norm2 of the other branch"), other, `${block}.norm2`, row) : normed;
    const project = ([label, first, from]) => this.#linear({ ...of(label, `${label}: a projection`, `${label} = W · x + b`), shapeOf: () => from.shape }, from, [`${name}.in_proj_weight`, `${name}.in_proj_bias`], { first });
    const [q, k, v] = [["q", 0, normed], ["k", size, read], ["v", 2 * size, read]].map(project);
    const pairs = () => [heads, x.shape[0], other.shape[0]];
    const score = this.#add({ ...of("scores", "Scores of a head", "s = Σ q · k / √d"), axes: ["head", "token", "token read"], inputs: [q, k], shapeOf: pairs, make: ([head, i, j], add) => {
      for (let d = head * width; d < (head + 1) * width; d += 1) add(q, [i, d], k.at([j, d]) / Math.sqrt(width), { by: k, byPlace: [j, d] });
    } });
    const total = this.#add({ ...of("total", "The sum of a softmax", "y = Σⱼ e^sⱼ, over all tokens read"), axes: ["head", "token"], inputs: [score], shapeOf: () => pairs().slice(0, 2), make: ([head, i], add) => {
      for (let j = 0; j < other.shape[0]; j += 1) add(score, [head, i, j], 1, { input: Math.exp(score.at([head, i, j])) });
    } });
    const softmax = this.#add({ ...of("weights", "Softmax: attention weights", "w = e^s / Σ e^s"), axes: score.axes, inputs: [score, total], shapeOf: pairs, make: (place, add) => {
      const byPlace = place.slice(0, 2);
      add(score, place, 1 / total.at(byPlace), { input: Math.exp(score.at(place)), by: total, byPlace });
    } });
    const values = this.#add({ ...of("heads", "What the heads read", "o = Σⱼ w[j] · v[j], over all tokens read"), inputs: [softmax, v], shapeOf: () => x.shape, make: ([token, channel], add) => {
      const head = Math.floor(channel / width);
      for (let j = 0; j < other.shape[0]; j += 1) add(v, [j, channel], softmax.at([head, token, j]), { by: softmax, byPlace: [head, token, j] });
    } });
    const attention = this.#linear({ ...of("", isCross ? "Cross-attention" : "Self-attention", "y = Wₒ · o + bₒ"), name }, values, [`${name}.out_proj.weight`, `${name}.out_proj.bias`]);
    const middle = this.#sum(of("attended", "x + residual", "y = x + r"), x, this.#scaled(of("gamma_1", "LayerScale γ₁", "y = γ₁ · x"), attention, `${block}.gamma_1.scale`, 1));
    const norm = `${block}.${isCross ? "norm3" : "norm2"}`;
    const linear = (step, from) => this.#linear({ ...of(step, step, "y = W · x + b"), shapeOf: () => [from.shape[0], this.#shapes[`${block}.${step}.weight`][0]] }, from, [`${block}.${step}.weight`, `${block}.${step}.bias`]);
    const wide = this.#gelu(of("gelu", "GELU", "y = x · Φ(x)"), linear("linear1", this.#norm(of("ffn_norm", "Norm before the feed-forward"), middle, norm, row)));
    const fed = this.#sum(of("fed", "x + feed-forward", "y = x + r"), middle, this.#scaled(of("gamma_2", "LayerScale γ₂", "y = γ₂ · x"), linear("linear2", wide), `${block}.gamma_2.scale`, 1));
    this.#norm({ name: block, block, label: "norm_out, over all tokens and channels", axes, shapeOf: null }, fed, `${block}.norm_out`, { axis: 1, fixed: null });
  }
  #decoder(kind, level) {
    const block = `${kind}.${level}`;
    if (!this.#isFollowed(block)) return;
    const isWave = kind[0] === "t";
    const depth = this.#levels(kind, "conv_tr") - 1 - level;
    const skip = this.#get(`${kind.replace("de", "en")}.${depth}${depth === 0 && !isWave && "freq_emb.embedding.weight" in this.#shapes ? ".embedded" : ""}`);
    const axes = isWave ? ["channel", "place in time"] : ["channel", "frequency", "frame"];
    const before = level ? this.#get(`${kind}.${level - 1}`) : this.#untokened(isWave ? "_t" : "", block);
    if (!before) return;
    const at = ([channel, ...place]) => {
      if (level) return [channel, ...place];
      const [rows, times] = isWave ? [1, 1] : skip.shape.slice(1);
      if (before.axes[0] === "token") return [isWave ? place[0] : place[1] * rows + place[0], channel];
      return [channel, isWave ? place[0] : place[0] * times + place[1]];
    };
    const input = this.#add({ name: `${block}.input`, block, label: "With the skip", formula: "y = x + skip", axes, inputs: [before, skip], shapeOf: () => skip.shape, make: (place, add) => {
      add(before, at(place), 1);
      add(skip, place, 1);
    } });
    const x = this.#dconv(block, this.#gate({ name: `${block}.gate`, block }, this.#rewrite(block, input)));
    const [inputs, outputs, taps] = this.#shapes[`${block}.conv_tr.weight`];
    const stride = taps / 2;
    const place = (index) => (isWave ? index : `${index}, t`);
    const conv = this.#add({ name: `${block}.conv_tr`, block, label: "Transposed convolution", formula: `y[c, ${place(`${stride}p + j`)}] += W[i, c, j] · x[i, ${place("p")}], then + b[c]`, axes, inputs: [x], weights: [`${block}.conv_tr.weight`, `${block}.conv_tr.bias`], make: ([channel, row, ...time], add) => {
      const weight = this.#w(`${block}.conv_tr.weight`);
      for (let i = 0; i < inputs; i += 1) {
        for (let tap = row % stride; tap < taps; tap += stride) {
          const from = [i, (row - tap) / stride, ...time];
          if (isInside(from, x.shape)) add(x, from, weight[(i * outputs + channel) * taps + tap]);
        }
      }
      return { bias: this.#w(`${block}.conv_tr.bias`)[channel] };
    } });
    const uncut = ([channel, row, ...time]) => [channel, row + stride / 2, ...time];
    if (depth) this.#gelu({ name: block, block, label: "Cut to the encoder's input, and GELU", shapeOf: null }, conv, uncut);
    else this.#add({ name: block, block, label: "Cut to the encoder's input", formula: `y[c, ${place("p")}] = x[c, ${place(`p + ${stride / 2}`)}]`, axes, inputs: [conv], make: (at, add) => add(conv, uncut(at), 1) });
  }

  /** What leaves the transformer, or null if there is none. */
  #untokened(end, block) {
    const layers = this.#levels("crosstransformer.layers", "norm_out");
    if (!layers) return null;
    const [x, down] = [this.#get(`crosstransformer.layers${end}.${layers - 1}`), `channel_downsampler${end}`];
    if (!(`${down}.weight` in this.#shapes)) return x;
    const image = this.#last(end ? "tencoder" : "encoder", "conv");
    return this.#linear({ name: down, block, inputs: [x, image], label: "1 × 1 convolution from the tokens' channels", formula: "y[c] = b[c] + Σᵢ W[c, i] · x[i]", axes: ["channel", "frequency · frames + frame"] }, x, [`${down}.weight`, `${down}.bias`], { axis: 0, at: ([, p], i) => {
      const [rows, times] = end ? [1, 1] : image.shape.slice(1);
      return [end ? p : (p % times) * rows + Math.floor(p / times), i];
    } });
  }

  /** How many levels of a kind have a module. */
  #levels(kind, module) {
    let level = 0;
    while (`${kind}.${level}.${module}.weight` in this.#shapes) level += 1;
    return level;
  }

  #last(kind, module) {
    return this.#get(`${kind}.${this.#levels(kind, module) - 1}`);
  }

  #stems(nfft) {
    const hop = nfft / 4;
    const edge = (3 * hop) / 2;
    const [output, waveform] = [["output", this.#last("decoder", "conv_tr"), "mag", ["bin", "frame"]], ["add_67", this.#last("tdecoder", "conv_tr"), "mix", ["sample"]]].map(([name, x, of, axes]) => {
      const input = this.#get(of);
      return this.#add({ name, block: name, label: "The input norm, undone", formula: "y = x · σ + μ, of the input", axes: ["source", "channel", ...axes], inputs: [x, input], make: ([source, channel, ...place], add) => {
        const { mean, squares, count } = input.statistics(null, place);
        add(x, [source * input.shape[0] + channel, ...place], Math.sqrt(squares / (count - 1)));
        return { bias: mean };
      } });
    });
    const frames = this.#add({ name: "final.frames", block: "final", label: "A frame's inverse transform", formula: "y[n] = 1/√N · Σ_f Re(Y[f] · e^(2πi f n / N)), bins but the first twice", axes: ["source", "channel", "frame", "place in the frame"], inputs: [output], shapeOf: () => [output.shape[0], output.shape[1] / 2, output.shape[3], nfft], make: ([source, channel, frame, n], add) => {
      for (let f = 0; f < output.shape[2]; f += 1) {
        const [angle, scale] = [(2 * Math.PI * f * n) / nfft, (f ? 2 : 1) / Math.sqrt(nfft)];
        add(output, [source, 2 * channel, f, frame], scale * Math.cos(angle));
        add(output, [source, 2 * channel + 1, f, frame], -scale * Math.sin(angle));
      }
    } });
    this.#add({ name: "final", block: "final", label: "Overlap-add", formula: "s[n] = Σₜ w[n − t·h] · yₜ[n − t·h] / Σₜ w[n − t·h]² + waveform[n]", axes: ["source", "channel", "sample"], inputs: [frames, waveform], make: ([source, channel, sample], add) => {
      const window = hann(nfft);
      const first = Math.floor((sample + edge - nfft) / hop) + 1;
      const parts = [0, 1, 2, 3].map((offset) => [first + offset, sample + edge - (first + offset) * hop]);
      const weight = parts.reduce((total, [, n]) => total + window[n] ** 2, 0);
      for (const [frame, n] of parts) if (frame >= 0 && frame < frames.shape[2]) add(frames, [source, channel, frame, n], window[n] / weight);
      add(waveform, [source, channel, sample], 1);
    } });
  }
}
