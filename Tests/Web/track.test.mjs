// Sound files that the engine reads itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "../../web/engine/track.js";
import { decodeFrames, wavHeader } from "../../web/engine/wav.js";

const samples = Int16Array.from({ length: 200 }, (_, index) => 100 * index);
const list = Buffer.from("LIST\x04\0\0\0INFO");

/** A header of 100 stereo samples of 16 bits. */
function header({ dataBytes = 400, sampleRate = 44100 } = {}) {
  const bytes = wavHeader(2, 44100, 100, 16);
  const view = new DataView(bytes);
  view.setUint32(24, sampleRate, true);
  view.setUint32(40, dataBytes, true);
  return bytes;
}

test("a WAV file behind a tag, and one of unknown size before chunks, are read from the first sample to the last", async () => {
  for (const tagBytes of [0, 43, 50]) {
    const tag = new Uint8Array(tagBytes);
    if (tagBytes) tag.set([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 0, tagBytes - 10]);
    for (const dataBytes of [400, 0xffffffff, 0]) {
      for (const chunks of [[], [list], [list, list]]) {
        const file = new File([tag, header({ dataBytes }), samples, ...chunks], "song.wav");
        const { header: found, seconds } = await inspect(file);
        assert.equal(seconds, 100 / 44100, `${tagBytes}, ${dataBytes}, ${chunks.length}`);
        const [left, right] = decodeFrames(await file.slice(found.dataOffset, found.dataOffset + 400).arrayBuffer(), found);
        assert.deepEqual([left[1], right[99]], [200 / 0x8000, 19900 / 0x8000]);
      }
    }
  }
});

test("a rate that no recording has is refused", async () => {
  for (const sampleRate of [0, 999, 800000]) {
    await assert.rejects(inspect(new File([header({ sampleRate }), samples], "song.wav")), { status: 422, message: new RegExp(`${sampleRate} Hz, expected 1000 to 768000`) });
  }
});
