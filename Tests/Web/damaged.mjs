// Opens damaged models with the engine's own functions, many in one instance.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Reads and, if it opens, loads every file of a folder. Returns how many there were, and how they ended. Each refusal has a
 * text, without values that Embedded Swift can't write. */
export async function damagedFiles(modulePath, folder) {
  const module = await WebAssembly.compile(readFileSync(modulePath));
  const outcome = { files: 0, loaded: 0, refused: 0, traps: 0 };
  let engine = null;
  for (const name of readdirSync(folder).sort()) {
    outcome.files += 1;
    engine ??= instance(module);
    try {
      outcome[open(engine, readFileSync(join(folder, name)), name)] += 1;
    } catch (error) {
      console.log(name, engine.line, error.stack);
      outcome.traps += 1;
      engine = null;
    }
  }
  return outcome;
}

function instance(module) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 32768, shared: true });
  const engine = { memory, line: "" };
  const page = {
    progress: () => {},
    read: () => {},
    block: () => {},
    value: () => {},
    random: (at, count) => new Uint8Array(memory.buffer, at, count).fill(7),
    print: (at, count) => {
      engine.line = Buffer.from(new Uint8Array(memory.buffer, at, count)).toString();
    },
  };
  const system = Object.fromEntries(WebAssembly.Module.imports(module).map(({ name }) => [name, () => 58]));
  engine.exports = new WebAssembly.Instance(module, { env: { memory }, page, wasi_snapshot_preview1: system }).exports;
  engine.exports._initialize();
  engine.exports.start(1);
  return engine;
}

function open({ memory, exports }, bytes, name) {
  const at = exports.allocate(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
  const path = exports.allocate(name.length);
  new Uint8Array(memory.buffer, path, name.length).set(Buffer.from(name));
  let status = exports.openMember(path, name.length, at, bytes.length, 0);
  if (status >= 0) status = exports.loadMember(0, path, 0);
  if (status >= 0) exports.start(1);
  exports.release(path);
  exports.release(at);
  if (status >= 0) return "loaded";
  const textAt = exports.allocate(-status);
  exports.copyText(textAt);
  const text = Buffer.from(new Uint8Array(memory.buffer, textAt, -status)).toString();
  exports.release(textAt);
  if (/cannot print/.test(text)) throw new Error(text);
  return "refused";
}
