// Capabilities of browsers that lack something.

import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilities, choosePrecision, neededMemory, requireSIMD } from "../../web/engine/capabilities.js";

const gibi = 2 ** 30;
/** A browser with a processor of 4 cores. `grantedBytes` limits its memories, `validates` its modules. */
const browser = ({ deviceMemory, grantedBytes = 4 * gibi, isIsolated = true, validates = () => true } = {}) => ({
  crossOriginIsolated: isIsolated,
  SharedArrayBuffer,
  navigator: { hardwareConcurrency: 4, deviceMemory },
  WebAssembly: {
    validate: validates,
    Memory: class {
      constructor({ initial }) {
        if (initial * 65536 > grantedBytes) throw new RangeError("could not allocate memory");
        this.buffer = { byteLength: initial * 65536 };
      }
    },
  },
});
const htdemucs = neededMemory({ parameters: 42e6, segmentSeconds: 7.8 });

test("node has SIMD, and its probe is a valid module", () => {
  assert.equal(capabilities().simd, true);
  assert.equal(capabilities({ WebAssembly }).threads, 1);
});

test("the second probe needs relaxed SIMD and the first one doesn't", () => {
  const sizes = [];
  capabilities(browser({ validates: (bytes) => sizes.push(bytes.length) }));
  const withoutRelaxed = capabilities(browser({ validates: (bytes) => bytes.length === Math.min(...sizes) }));
  assert.deepEqual([withoutRelaxed.simd, withoutRelaxed.relaxedSIMD], [true, false]);
});

test("threads need an isolated page", () => {
  assert.deepEqual([capabilities(browser()).threads, capabilities(browser()).words], [4, null]);
  const alone = capabilities(browser({ isIsolated: false }));
  assert.equal(alone.threads, 1);
  assert.match(alone.words, /One of 4 processor cores is used.*reload it once/);
});

test("a browser without SIMD is refused with what to do", () => {
  const old = capabilities(browser({ validates: () => false }));
  assert.throws(() => requireSIMD(old), { name: "Unsupported", message: /no WebAssembly SIMD.*Update it/ });
  assert.throws(() => requireSIMD(capabilities({})), { name: "Unsupported" });
  requireSIMD(capabilities());
});

test("the estimate is near what htdemucs was measured to take", () => {
  assert.ok(Math.abs(htdemucs.float32 - 493e6) < 20e6, `${htdemucs.float32}`);
  assert.ok(htdemucs.int8 > 298e6 && htdemucs.int8 < 400e6, `${htdemucs.int8}`);
});

test("the members of a bag stay in memory together", () => {
  const bag = neededMemory({ parameters: 42e6, segmentSeconds: 7.8 }, 4);
  assert.equal(bag.float32 - htdemucs.float32, 3 * 42e6 * 4);
  assert.equal(bag.int8 - htdemucs.int8, 3 * 42e6);
});

test("float32 where it fits, else INT8", () => {
  assert.equal(choosePrecision(htdemucs, null, browser()), "float32");
  assert.equal(choosePrecision(htdemucs, null, browser({ deviceMemory: 8 })), "float32");
  assert.equal(choosePrecision(htdemucs, null, browser({ grantedBytes: 400e6 })), "int8");
  assert.equal(choosePrecision({ float32: 700e6, bfloat16: 600e6, int8: 500e6 }, null, browser({ deviceMemory: 1 })), "int8");
});

test("a precision that doesn't fit is refused, and a smaller one is named", () => {
  assert.equal(choosePrecision(htdemucs, "bfloat16", browser()), "bfloat16");
  assert.throws(() => choosePrecision(htdemucs, "float32", browser({ grantedBytes: 450e6 })), {
    name: "Unsupported",
    message: "This model needs about 0.49 GB of memory in float32, and the browser refuses to give that much. Choose bfloat16, which needs 0.41 GB.",
  });
  assert.throws(() => choosePrecision(htdemucs, null, browser({ deviceMemory: 0.5 })), {
    message: "This model needs about 0.36 GB of memory in int8, and a page may take 0.27 GB on this device. Close other tabs and programs and reload the page, or choose a smaller model.",
  });
});
