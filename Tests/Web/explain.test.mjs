// The numbers and the puzzles of the page that explains the network: node --test Tests/Web/explain.test.mjs

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { endWorkers, imitateBrowser } from "./browser.mjs";
import { gelu, groupNorm, istft, sigmoid, softmax, stft } from "../../web/explain/maths.js";

imitateBrowser();
const { judge, puzzles } = await import("../../web/explain/puzzles.js");
after(() => endWorkers());

/** Compares arrays of arrays with numbers in one list. */
function near(found, expected, tolerance = 1e-6) {
  const values = [found].flat(2).flatMap((value) => (ArrayBuffer.isView(value) ? [...value] : value));
  assert.equal(values.length, expected.length);
  values.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= tolerance, `element ${i}: ${value}, expected ${expected[i]}`));
}

const samples = Array.from({ length: 21 }, (_, n) => (((7 * n * n + 3 * n) % 11) - 5) / 5);
const x = [[1, -2, 3, 0.5, 4], [0, 1, -1, 2, 5]];

// Expected numbers without another source are from PyTorch 2.13.0 and demucs 4.1.0, in double precision.

test("the spectrogram is that of HTDemucs._spec", () => {
  const frames = stft(samples, 16);
  assert.equal(frames.length, 6);
  near(frames[0].re, [-0.2191133, 0.0904521, 0.0290491, -0.003728, 0.0017767, -0.0498253, -0.2790491, 0.7631012]);
  near(frames[3].im, [0, 0.0395422, 0.1320831, -0.221754, -0.0259935, 0.1542867, -0.3189577, 0.7155829]);
  near(frames[5].im, [0, -0.1188733, 0.17176, -0.0591137, 0.0218739, -0.0626671, 0.3253134, -0.6224266]);
});

test("a sound shorter than the padding gets zeros first", () => {
  near(stft(samples.slice(0, 6), 16)[0].re, [-0.2094782, 0.0969782, 0.0171264, -0.031231, 0.0133883, 0.0294543, -0.2171264, 0.7047984]);
  near(stft(samples.slice(0, 5), 16).at(-1).im, [0, 0.0793758, -0.0855928, 0.0202108, 0.0330824, 0.0477234, 0.0118946, -0.2931115]);
});

test("the sound of a spectrogram is that of HTDemucs._ispec", () => {
  near(istft(stft(samples, 16), 21, 16), [-0.385847, 0.5631912, -0.5590917, 0.1082696, -0.366063, -0.3624944, 0.0929634, -0.6260779, 0.7693752, -0.7314877,
    -0.4818166, -0.7314877, 0.7693752, -0.6260779, 0.0929633, -0.3684911, -0.3501949, 0.075474, -0.6187217, 0.7799183, -0.7457297]);
});

test("norms are those of PyTorch", () => {
  near(groupNorm(x, 1, [2, 1], [0.5, -1]), [0.1625285, -2.7300843, 2.090937, -0.3195736, 3.0551413, -1.6508379, -1.1687357, -2.13294, -0.6866336, 0.7596728]);
  near(groupNorm(x, 2), [-0.1436738, -1.5804116, 0.8141514, -0.3831301, 1.293064, -0.6798993, -0.1942569, -1.1655417, 0.2913854, 1.7483125]);
});

test("GELU, sigmoid and softmax are those of PyTorch", () => {
  near([-9, -3, -1, -0.1, 0, 0.5, 2, 9].map(gelu), [0, -0.00404969409489, -0.1586553, -0.0460172, 0, 0.345731230637, 1.9544997, 9]);
  near([-2, 0.3].map(sigmoid), [0.1192029, 0.5744425]);
  near(softmax([1, 2, 4, -1]), [0.0417726, 0.1135496, 0.8390245, 0.0056533]);
  near(softmax([1000, 1000]), [0.5, 0.5]);
});

test("twelve puzzles have names of their own", () => assert.equal(new Set(puzzles.map(({ id }) => id)).size, 12));

for (const puzzle of puzzles) {
  test(`puzzle ${puzzle.id}: the right answer is right, the wrong one is explained`, async () => {
    assert.deepEqual(await judge(puzzle, puzzle.right), { isRight: true, words: puzzle.explanation });
    const { isRight, words } = await judge(puzzle, puzzle.wrong);
    assert.equal(isRight, false);
    assert.match(words, puzzle.kind === "code" ? /^For .+ = .+, the line gives .+; right is .+\.$/ : /^[A-Z0-9γ].{20,}\.$/);
    const others = (puzzle.options ?? []).filter((_, index) => index !== puzzle.right);
    assert.ok(others.every(({ why }) => why), "each wrong option says why");
  });
}

test("code that cannot be judged is answered in words", async () => {
  const shift = puzzles.find(({ id }) => id === "shift");
  const wordsOf = async (source) => (await judge(shift, source)).words;
  assert.match(await wordsOf("Z[t - n"), /^This is not an expression of JavaScript: /);
  assert.match(await wordsOf("missing + 1"), /^For Z = .+, the line throws an error: missing is not defined\.$/);
  assert.match(await wordsOf(" "), /^Write an expression first\.$/);
  assert.match(await wordsOf("(() => { for (;;); })()"), /^The line did not end within 3 seconds\.$/);
  assert.equal((await judge(shift, "return Z[t - n];")).isRight, true);
});
