// The parts of the example song on the empty page, which play at a press. parts.svg draws them.

import { backend } from "./backend.js";
import { colourOf } from "./colours.js";
import { element, icon, setIcon, say } from "./dom.js";
import { linear } from "./mix.js";
import { contextAt } from "./player.js";

const rate = 44100;
/** The delay from a press to the sound, and the length of a fade. */
const [leadSeconds, fadeSeconds] = [0.03, 0.015];
/** All parts together are 0.3 dB too loud. */
const level = linear(-1);

const root = document.getElementById("lanes");
/** What sounds, `{ source, gain, began }`, by its button; `began` is the frame of the context at which the song began, the same for all. */
export const playing = new Map();

root.append(...["drums", "bass", "other", "vocals"].map((name, index) => {
  // Loaded when a press begins, which is a tenth of a second before its click.
  const begin = () => load(button).catch(() => {});
  const button = element("button", { type: "button", value: name, "aria-pressed": "false", onpointerdown: begin, onfocus: begin, onclick: () => toggle(button) }, icon("play"), name);
  button.style.setProperty("--stem", colourOf(name, index));
  return button;
}));

export function stopLanes() {
  for (const button of root.elements) {
    press(button, false);
    button.sound = null;
  }
}

/** The decoded sound of a part. */
const load = (button) =>
  (button.sound ??= backend.example(`demo_stems/${button.value}.ogg`).then(async (file) => new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer())));

function press(button, isOn) {
  button.setAttribute("aria-pressed", isOn);
  setIcon(button, isOn ? "pause" : "play");
  const { source, gain } = playing.get(button) ?? {};
  if (isOn || !source) return;
  gain.gain.setTargetAtTime(0, 0, fadeSeconds / 3);
  source.stop(gain.context.currentTime + 2 * fadeSeconds);
  playing.delete(button);
  root.classList.toggle("playing", playing.size > 0);
}

async function toggle(button) {
  const isPressed = () => button.getAttribute("aria-pressed") === "true";
  press(button, !isPressed());
  if (!isPressed()) return;
  const context = contextAt(rate);
  context.resume();
  try {
    const buffer = await load(button);
    // It may have been pressed again before the sound came.
    if (isPressed() && !playing.has(button)) play(button, buffer, context);
  } catch {
    button.sound = null;
    press(button, false);
    say("The example could not be loaded. Press again to try once more.");
  }
}

function play(button, buffer, context) {
  const frame = Math.ceil((context.currentTime + leadSeconds) * rate);
  const [{ began } = { began: frame }] = playing.values();
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, frame / rate);
  gain.gain.linearRampToValueAtTime(level, frame / rate + fadeSeconds);
  source.connect(gain).connect(context.destination);
  source.start(frame / rate, ((frame - began) % buffer.length) / rate);
  playing.set(button, { source, gain, began });
  root.classList.add("playing");
}
