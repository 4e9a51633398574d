// The native program, to compare with. Tests/system/test_web sets WEB, PROGRAM and TRACK.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readWAV } from "./sound.mjs";

const { WEB, PROGRAM, TRACK } = process.env;

/** More than one pass, several segments, and offsets of a seed: for the engine, and for the program. */
export const settings = { shifts: 2, seed: 7, overlap: 0.1 };
export const nativeSettings = ["--shifts", "2", "--seed", "7", "--overlap", "0.1"];

/** The track's stems by the demo model in float32: `{ name: channels }`. */
export const nativeStems = (...options) => nativeStemsOf({}, ...options);

/** A track's stems by a model, a file or a bag's YAML file, as the engine gives them: floats without protection from clipping. */
export function nativeStemsOf({ model = join(WEB, "demo.safetensors"), track = TRACK }, ...options) {
  const out = mkdtempSync(join(tmpdir(), "test_web."));
  try {
    execFileSync(PROGRAM, ["-n", model, "--float32", "--clip-mode", "none", "-o", out, ...options, track], { stdio: "pipe" });
    const files = readdirSync(out, { recursive: true }).filter((name) => name.endsWith(".wav"));
    return Object.fromEntries(files.map((name) => [name.match(/(\w+)\.wav$/)[1], readWAV(join(out, name)).channels]));
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** Names of the files that the program would write of the track. */
export function nativeOutputs(wanted) {
  const options = Object.entries(wanted).flatMap(([name, value]) => (name === "mix" ? value : [value]).flatMap((each) => (each === true ? [`--${name}`] : [`--${name}`, String(each)])));
  const lines = execFileSync(PROGRAM, ["-n", join(WEB, "demo.safetensors"), "--dry-run", ...options, TRACK], { encoding: "utf8" });
  return [...lines.matchAll(/(\w+)\.wav$/gm)].map(([, name]) => name);
}

/** The track's tempo, beats and key by the demo model in float32. */
export function nativeAnalysis() {
  const line = execFileSync(PROGRAM, ["analyze", "-n", join(WEB, "demo.safetensors"), "--precision", "float32", "--json", TRACK], { stdio: "pipe" });
  const { path, ...analysis } = JSON.parse(line);
  return analysis;
}
