// The browser's capabilities for the engine, and whether its memory suffices for a model.

/** A module whose only function makes a vector: i8x16.splat. */
const simdModule = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
/** The same with i8x16.relaxed_swizzle. */
const relaxedModule = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 128, 2, 11];

/** The most that the engine's memory can have (tools/build_web). */
const addressableBytes = 2 ** 31;
const pageBytes = 65536;

/** This browser can't run the engine, or not this model; the message says what to do. */
export class Unsupported extends Error {
  constructor(message) {
    super(message);
    this.name = "Unsupported";
  }
}

/**
 * The capabilities of this browser: `{ simd, relaxedSIMD, sharedMemory, threads, words }`. `threads` is how many
 * the engine can use, and `words` a sentence if it is one for want of shared memory, else null.
 */
export function capabilities(scope = globalThis) {
  const has = (bytes) => scope.WebAssembly?.validate(new Uint8Array(bytes)) ?? false;
  const sharedMemory = Boolean(scope.crossOriginIsolated && scope.SharedArrayBuffer);
  const cores = scope.navigator?.hardwareConcurrency ?? 1;
  return {
    simd: has(simdModule),
    relaxedSIMD: has(relaxedModule),
    sharedMemory,
    threads: sharedMemory ? cores : 1,
    words:
      sharedMemory || cores === 1
        ? null
        : `One of ${cores} processor cores is used, because this page is not isolated from others. Open it over https:// in an ordinary window, and reload it once.`,
  };
}

/** Throws `Unsupported` if the engine can't run here. */
export function requireSIMD({ simd }) {
  if (simd) return;
  throw new Unsupported(
    "This browser has no WebAssembly SIMD, without which a separation takes too long. " +
      "Update it (Chrome and Edge 91, Firefox 89, Safari 16.4 and newer have it), or turn off the mode that switches it off, such as Lockdown Mode.");
}

const bytesOfWeight = { float32: 4, bfloat16: 2, int8: 1 };
/** Measured with htdemucs in float32, whose pass takes 0.49 GB: code, tables and buffers; and for each second of the segment. */
const fixedBytes = 64e6;
const bytesOfSecond = 33e6;

/** Memory that a model needs in each precision, in bytes, from the number of weights of each of its `members` and its segment. */
export function neededMemory({ parameters, segmentSeconds }, members = 1) {
  const need = (precision) => Math.round(fixedBytes + members * parameters * bytesOfWeight[precision] + segmentSeconds * bytesOfSecond);
  return { float32: need("float32"), bfloat16: need("bfloat16"), int8: need("int8") };
}

/**
 * The precision for a model: `wanted`, or without it float32 where memory suffices and else INT8.
 * `needed` has the bytes of each precision. Throws `Unsupported`, which says what would help.
 */
export function choosePrecision(needed, wanted = null, scope = globalThis) {
  const fits = (precision) => needed[precision] <= memoryShare(scope) && grants(needed[precision], scope);
  const candidates = wanted ? [wanted] : ["float32", "int8"];
  const chosen = candidates.find(fits);
  if (chosen) return chosen;
  const refused = candidates.at(-1);
  const smaller = ["bfloat16", "int8"].find((precision) => needed[precision] < needed[refused] && fits(precision));
  const found =
    needed[refused] > memoryShare(scope)
      ? `a page may take ${gigabytes(memoryShare(scope))} GB on this device`
      : "the browser refuses to give that much";
  throw new Unsupported(
    `This model needs about ${gigabytes(needed[refused])} GB of memory in ${refused}, and ${found}. ` +
      (smaller ? `Choose ${smaller}, which needs ${gigabytes(needed[smaller])} GB.` : "Close other tabs and programs and reload the page, or choose a smaller model."));
}

/** Bytes that the engine may take: half of the device's memory, which browsers tell roughly or not at all. */
function memoryShare(scope) {
  const deviceGiB = scope.navigator?.deviceMemory;
  return deviceGiB ? Math.min((deviceGiB * 2 ** 30) / 2, addressableBytes) : addressableBytes;
}

/** Whether the browser grants so much memory at once; it is given back. */
function grants(bytes, scope) {
  const pages = Math.ceil(bytes / pageBytes);
  try {
    return new scope.WebAssembly.Memory({ initial: pages, maximum: pages }).buffer.byteLength >= bytes;
  } catch {
    return false;
  }
}

const gigabytes = (bytes) => (bytes / 1e9).toFixed(2);
