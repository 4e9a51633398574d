// The puzzles of the course: their texts, their judge, and how one is drawn. Seconds are those of the demo track; measured with `trace --edit`.

import { element, setText } from "../page/dom.js";
import { tests } from "./answers.js";

/** 5000 as "5,000". */
const grouped = (number) => number.toLocaleString("en");
/** The frames of the STFT that read `sample`, and which samples a frame reads: window 4,096, hop 1,024. */
const firstSample = (frame) => 1024 * frame - 1536;
const reads = (frame, sample) => sample >= firstSample(frame) && sample < firstSample(frame) + 4096;
const touched = 5000;

/**
 * All puzzles in the order of the course.
 *
 * Every one has `id`, `title`, `question`, `chapter` of the course, `block`, the value in the picture that it is about, `edits` to try,
 * `kind`, `explanation` of the right answer, and `right` and `wrong`, an example of each for `judge`. By kind:
 *   choice   `options`, each with `words` and, if it is wrong, `why`; an answer is an option's index
 *   draw     `rows` and `columns`, the labels of a grid, and `why(row, column)` about a cell; an answer is a list of cells, row · columns + column
 *   code     `test`, a name in answers.js; an answer is a line of code
 */
export const puzzles = [
  {
    id: "frames",
    title: "Who hears this sample?",
    question: `Mark every frame of the STFT that reads sample ${grouped(touched)}. A frame is 4,096 samples long, the hop is 1,024, and frame 0 begins at sample −1,536.`,
    chapter: "02_seeing_sound.md",
    block: "mag",
    kind: "draw",
    rows: ["frame"],
    columns: Array.from({ length: 10 }, (_, frame) => String(frame)),
    why: (_, frame) => `Frame ${frame} reads samples ${grouped(firstSample(frame)).replace("-", "−")} to ${grouped(firstSample(frame) + 4095)}, ${reads(frame, touched) ? "so it is one of them" : `and ${grouped(touched)} is not among them`}.`,
    right: [3, 4, 5, 6],
    wrong: [3, 4, 5],
    explanation: "A window is four hops long, so four frames read each sample. A change at one point of the spectrogram is therefore heard for 4,096 samples, 93 ms.",
  },
  {
    id: "difference",
    title: "Take the drums away",
    question: "X is the spectrogram of a mixture at one point, Y that of its drums, each as { re, im }. The drums are subtracted from the samples. Write the magnitude of the rest at this point.",
    chapter: "02_seeing_sound.md",
    block: "mag",
    kind: "code",
    test: "difference",
    right: "Math.hypot(X.re - Y.re, X.im - Y.im)",
    wrong: "Math.hypot(X.re, X.im) - Math.hypot(Y.re, Y.im)",
    explanation: "The STFT is linear: the spectrogram of a difference is the difference of the complex spectrograms. Magnitudes are not linear, because phases decide whether two sounds add up or cancel. This is why the network gets real and imaginary parts.",
  },
  {
    id: "shift",
    title: "A late copy",
    question: "Z is the real part of one bin of a spectrogram, a number for each frame. The sound is delayed by n hops. Write the same bin of frame t of the delayed sound, away from its ends.",
    chapter: "02_seeing_sound.md",
    block: "mag",
    kind: "code",
    test: "shift",
    right: "Z[t - n]",
    wrong: "Z[t + n]",
    explanation: "A delay by whole hops moves the frames and changes no number in them. A delay by less than a hop also turns the phases.",
  },
  {
    id: "mask",
    title: "The fourth mask",
    question: "Three masks are given at a point of the spectrogram: drums, bass and other. Write the mask of the vocals with which the four stems add up to the mixture.",
    chapter: "03_masks.md",
    block: "mag",
    kind: "code",
    test: "mask",
    right: "1 - drums - bass - other",
    wrong: "1",
    explanation: "A mask of ones gives the mixture, and the inverse STFT is linear. So stems add up to the mixture if their masks add up to one. HTDemucs has no masks, and nothing forces its stems to add up.",
  },
  {
    id: "field",
    title: "How far does it see?",
    question: "Four layers of the waveform's encoder convolve with kernel 8 and stride 4. How many samples can one vector of tencoder.3 see, without DConv?",
    chapter: "04_two_encoders.md",
    block: "tencoder.3",
    kind: "choice",
    options: [
      { words: "32", why: "4 · 8 would be right if taps of all layers lay side by side at stride 1. Taps of a later layer are farther apart." },
      { words: "256", why: "256 = 4⁴ samples lie between neighbouring vectors of tencoder.3. Each one sees more, because the kernel is longer than the stride." },
      { words: "596" },
      { words: "4,096", why: "8⁴ would be right if the 8 places that a layer reads had no samples in common. With stride 4 they overlap." },
    ],
    right: 2,
    wrong: 1,
    explanation: "A field of r places is 4 (r − 1) + 8 places of the layer before: 8, 36, 148, 596 samples, or 14 ms. For everything longer the branch needs DConv and the transformer.",
  },
  {
    id: "gain",
    title: "A norm and the volume",
    question: "y is what GroupNorm (weight 1, bias 0) gives for a number of its group. All numbers of the group are multiplied by g, which may be negative. Write what GroupNorm gives now.",
    chapter: "05_dconv.md",
    block: "encoder.0",
    kind: "code",
    test: "gain",
    right: "Math.sign(g) * y",
    wrong: "g * y",
    explanation: "Mean and standard deviation grow with the numbers, so only the sign of g remains. The norm forgets how loud a row was. The layer does not: what DConv computes is added to its input, which keeps the loudness.",
  },
  {
    id: "attack",
    title: "Blunt the drums",
    question: "You want drums without their attack, and a voice that keeps its pitch. Which one of these do you set to zero?",
    chapter: "05_dconv.md",
    block: "encoder.0",
    edits: ["encoder.*.dconv.layers.*.6.scale=zero"],
    kind: "choice",
    // Rise: from the level of 256 samples to that 768 samples later, at the 15 hits, above a floor of −40 dB.
    options: [
      { words: "The waveform's branch (tdecoder.3)", why: "The waveform's branch knows best when something happens, but in this model the hits hardly need it: without it they still rise by 16.4 dB in 17 ms instead of 18.0 dB (seconds 16 to 20)." },
      { words: "The spectrogram's branch (decoder.3)", why: "The attack would go: hits rise by 11.5 dB in 17 ms instead of 18.0 dB. But the voice goes with it, and is 29 dB softer (seconds 16 to 20)." },
      { words: "All cross-attention", why: "Nobody would notice: hits rise by 18.1 dB in 17 ms instead of 18.0 dB, and the SDR of each stem changes by 0.1 dB at most (seconds 16 to 20)." },
      { words: "DConv in the encoder of the spectrogram" },
    ],
    right: 3,
    wrong: 0,
    explanation: "The convolutions of this encoder step along frequency, and only DConv reads along time. Without it, hits rise by 11.8 dB in 17 ms instead of 18.0 dB, and the voice keeps its pitch, to half a semitone, in 94 % of its louder frames (seconds 16 to 20).",
  },
  {
    id: "softmax",
    title: "Too large for exp",
    question: "s is a list of four scores. Math.exp(1000) is Infinity, and then all weights are lost. Write scores that give the same softmax and never overflow.",
    chapter: "06_tokens_and_attention.md",
    block: "crosstransformer.layers.0",
    kind: "code",
    test: "softmax",
    right: "s.map((score) => score - Math.max(...s))",
    wrong: "s.map((score) => score / 1000)",
    explanation: "A constant that is added to all scores multiplies all exponentials by the same factor, which cancels in the quotient. Every implementation subtracts the largest score.",
  },
  {
    id: "layerscale",
    title: "γ = 0.0001",
    question: "Training begins with γ = 0.0001 for each LayerScale of the transformer. What does a layer do then?",
    chapter: "06_tokens_and_attention.md",
    block: "crosstransformer.layers.0",
    edits: ["crosstransformer.layers*.gamma_?.scale=set:0.0001"],
    kind: "choice",
    options: [
      { words: "It makes its tokens 10,000 times smaller", why: "γ multiplies only what attention and the feed-forward part add. The token itself goes around both." },
      { words: "It passes its tokens on, nearly unchanged but for norm_out" },
      { words: "It replaces each token by the mean of all", why: "Even weights would give a mean, but γ makes that mean 10,000 times smaller before it is added to the token." },
      { words: "It attends to one token only", why: "γ multiplies the result of attention. The scores, and so the weights of the softmax, do not depend on it." },
    ],
    right: 1,
    wrong: 0,
    explanation: "Each layer begins as almost no change, so deep networks train from the start. Training then raised γ: in the demo model the mean of γ₁ is 0.02 to 0.10. Set back to 0.0001, the drums fall from 9.1 to 6.5 dB SDR and the bass from 10.6 to 7.4 dB, but the vocals only from 9.5 to 9.3 dB (seconds 16 to 20).",
  },
  {
    id: "query",
    title: "Whom does a query ask?",
    question: "A small cross layer: six tokens in each branch. Token 2 of the waveform asks. Mark all tokens whose keys and values it reads; before and after mean this layer.",
    chapter: "07_the_branches_talk.md",
    block: "crosstransformer.layers_t.1",
    edits: ["*cross_attn=zero"],
    kind: "draw",
    rows: ["waveform before, token", "spectrogram before, token", "spectrogram after, token"],
    columns: Array.from({ length: 6 }, (_, token) => String(token)),
    why: (row, token) => [
      "In a cross layer keys and values come from the other branch. The waveform's own tokens give only the queries.",
      `Token ${token} of the spectrogram is read too: a softmax has no zero weights, and there is no mask.`,
      "Both branches are updated at the same time, so each reads the other's tokens from before this layer.",
    ][row],
    right: [6, 7, 8, 9, 10, 11],
    wrong: [8],
    explanation: "A query reads every token of the other branch, from before the layer, with weights that add up to 1. In four seconds these are 1,384 tokens. In the demo model head 0 of layers_t.1 puts its weight on about 3 of them, head 1 on about 640 (seconds 16 to 20).",
  },
  {
    id: "skips",
    title: "Two ways to the decoder",
    question: "The decoders get two things: what the transformer hands down, and the skips of the encoders. One of them is set to zero everywhere. Which loss is worse for the demo model?",
    chapter: "08_back_to_sound.md",
    block: "decoder.0",
    edits: ["*coder.?.skip=zero"],
    kind: "choice",
    options: [
      { words: "The skips" },
      { words: "The transformer's output", why: "Without it, drums fall from 9.1 to 8.2 dB SDR, bass from 10.6 to 9.4 dB, vocals from 9.5 to 9.3 dB, and other keeps 6.4 dB (seconds 16 to 20). The skips carry enough." },
      { words: "Both are equally bad", why: "They differ by far. The transformer's output costs 1.2 dB of SDR at most (seconds 16 to 20)." },
      { words: "Neither: each can stand in for the other", why: "Only one can. Without the skips all stems fall to an SDR of 0 dB, which is the score of silence." },
    ],
    right: 0,
    wrong: 1,
    explanation: "Without skips the stems are nearly silent: drums −28 dB, bass −31 dB, other −12 dB, vocals −41 dB, all with an SDR of 0 dB (seconds 16 to 20). The transformer says what should be there, at 256 samples a step; the details come across the skips.",
  },
  {
    id: "overlap",
    title: "Four windows become one",
    question: "The inverse STFT multiplies each frame by the window once more, and adds up the frames. w has the values of the four windows that overlap at a sample. Write the factor that makes the sum of the frames the sound again.",
    chapter: "08_back_to_sound.md",
    block: "final",
    kind: "code",
    test: "overlap",
    right: "1 / (w[0] ** 2 + w[1] ** 2 + w[2] ** 2 + w[3] ** 2)",
    wrong: "1 / (w[0] + w[1] + w[2] + w[3])",
    explanation: "The window was applied twice, so the frames add up to the sound times the sum of squared windows. With Hann windows a quarter apart this sum is 3/2 at every sample: 2 / 3 is right as well.",
  },
];

const patienceSeconds = 3;

/** Judges a line of code in a worker, which is ended if the line takes too long. */
function judgeInWorker(source, test) {
  const worker = new Worker(new URL("./answer_worker.js", import.meta.url), { type: "module" });
  let timer;
  return new Promise((resolve) => {
    const refuse = (words) => resolve({ isRight: false, words });
    worker.onerror = () => refuse("This browser cannot check code here: its worker did not start.");
    worker.onmessage = ({ data }) => {
      if (data !== "ready") return resolve(data);
      timer = setTimeout(() => refuse(`The line did not end within ${patienceSeconds} seconds.`), patienceSeconds * 1000);
      worker.postMessage({ source, test });
    };
  }).finally(() => {
    clearTimeout(timer);
    worker.terminate();
  });
}

/** About the first cell that is marked wrongly, and how many more there are. */
function judgeDrawing({ right, columns, why }, cells) {
  if (!cells.length) return { isRight: false, words: "Mark at least one cell first." };
  const count = columns.length;
  const mistakes = [...cells.filter((cell) => !right.includes(cell)), ...right.filter((cell) => !cells.includes(cell))];
  if (!mistakes.length) return { isRight: true, words: "" };
  const others = mistakes.length === 1 ? "" : ` ${mistakes.length - 1} more ${mistakes.length === 2 ? "cell is" : "cells are"} wrong.`;
  return { isRight: false, words: why(Math.floor(mistakes[0] / count), mistakes[0] % count) + others };
}

/**
 * Judges an answer.
 * @param answer an option's index, a list of cells, or a line of code, by the puzzle's kind; null if there is none
 * @returns {Promise<{ isRight: boolean, words: string }>}
 */
export async function judge(puzzle, answer) {
  let verdict;
  if (puzzle.kind === "code") verdict = await judgeInWorker(answer, puzzle.test);
  else if (puzzle.kind === "draw") verdict = judgeDrawing(puzzle, answer);
  else if (answer === null) return { isRight: false, words: "Choose an answer first." };
  else verdict = { isRight: answer === puzzle.right, words: puzzle.options[answer].why };
  return verdict.isRight ? { isRight: true, words: puzzle.explanation } : verdict;
}

/** Radio buttons: `{ node, answer(), show(answer) }`. */
function choiceField({ id, options }) {
  const radios = options.map((_, index) => element("input", { type: "radio", name: `puzzle-${id}`, value: String(index) }));
  return {
    node: element("div", { className: "options" }, ...options.map(({ words }, index) => element("label", {}, radios[index], element("span", {}, words)))),
    answer: () => (radios.some(({ checked }) => checked) ? radios.findIndex(({ checked }) => checked) : null),
    show: (answer) => { radios[answer].checked = true; },
  };
}

/** A grid of toggle buttons, through which the arrow keys move; Tab leaves it. */
function drawField({ rows, columns }) {
  const isMarked = (cell) => cell.getAttribute("aria-pressed") === "true";
  const mark = (cell, marked) => cell.setAttribute("aria-pressed", String(marked));
  const cells = rows.flatMap((row) => columns.map((column) => element("button", {
    type: "button",
    className: "cell",
    tabIndex: -1,
    "aria-label": `${row} ${column}`,
    "aria-pressed": "false",
    onclick: ({ currentTarget }) => mark(currentTarget, !isMarked(currentTarget)),
  }, column)));
  cells[0].tabIndex = 0;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns.length, ArrowDown: columns.length };
  const onkeydown = (event) => {
    const next = cells[cells.indexOf(event.target) + steps[event.key]];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
  const onfocusin = ({ target }) => cells.forEach((cell) => { if (cells.includes(target)) cell.tabIndex = cell === target ? 0 : -1; });
  const grid = element("div", { className: "cells", onkeydown, onfocusin }, ...rows.flatMap((row, index) =>
    [element("span", { className: "row-label", "aria-hidden": "true" }, row), ...cells.slice(index * columns.length, (index + 1) * columns.length)]));
  grid.style.gridTemplateColumns = `auto repeat(${columns.length}, minmax(0, 1fr))`;
  return {
    node: grid,
    answer: () => [...cells.keys()].filter((index) => isMarked(cells[index])),
    show: (answer) => cells.forEach((cell, index) => mark(cell, answer.includes(index))),
  };
}

/** A line of code; Enter checks it. */
function codeField({ test }) {
  const area = element("textarea", {
    rows: 2,
    spellcheck: false,
    autocomplete: "off",
    autocapitalize: "none",
    "aria-label": `One line of JavaScript with ${tests[test].parameters}`,
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      area.form.requestSubmit();
    },
  });
  return {
    node: element("div", { className: "code" }, element("code", { "aria-hidden": "true" }, `(${tests[test].parameters}) →`), area),
    answer: () => area.value,
    show: (answer) => { area.value = answer; },
  };
}

const fields = { choice: choiceField, draw: drawField, code: codeField };
const triesBeforeHelp = 2;

/** Draws a puzzle into `container`, in place of what is there. `onSolved(puzzle)` is called once, at the first right answer. */
export function showPuzzle(container, puzzle, { onSolved = null } = {}) {
  const field = fields[puzzle.kind](puzzle);
  const verdict = element("p", { className: "verdict", role: "status" });
  let [isBusy, isSolved, tries] = [false, false, 0];
  const help = element("button", { type: "button", className: "quiet", hidden: true, onclick: () => field.show(puzzle.right) }, "Show an answer");
  const check = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    delete verdict.dataset.right;
    setText(verdict, "Checking …");
    const { isRight, words } = await judge(puzzle, field.answer());
    isBusy = false;
    verdict.dataset.right = String(isRight);
    setText(verdict, `${isRight ? "Right." : "Not yet."} ${words}`);
    tries += isRight ? 0 : 1;
    help.hidden = isRight || tries < triesBeforeHelp;
    if (!isRight || isSolved) return;
    isSolved = true;
    onSolved?.(puzzle);
  };
  container.replaceChildren(element("form", { className: "puzzle", noValidate: true, onsubmit: check },
    element("fieldset", {}, element("legend", {}, puzzle.question), field.node),
    element("div", { className: "actions" }, element("button", { type: "submit" }, "Check"), help),
    verdict));
}
