// Headless Chromium with a profile of its own.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Opens an address: `{ ended, stop() }`, where `ended` is a promise. */
export async function startChromium(address) {
  const profile = mkdtempSync(join(tmpdir(), "test_web_profile."));
  const browser = spawn("chromium", ["--headless", "--no-sandbox", `--user-data-dir=${profile}`, address], { stdio: "ignore", detached: true });
  await new Promise((resolve, reject) => browser.on("spawn", resolve).on("error", reject));
  const ended = new Promise((resolve) => browser.on("exit", resolve));
  return {
    ended,
    async stop() {
      // All its processes at once: those that are left would still write into the profile.
      try {
        process.kill(-browser.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 30 });
    },
  };
}
