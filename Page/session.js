// The open song in the system's media controls (lock screen, headset, keyboard), and a screen that stays on.

import { title } from "./format.js";
import { wavHeader } from "./wav.js";

const moveSeconds = 5;
const session = navigator.mediaSession;
/** The mixer whose song the controls move. */
let shown = null;
/** An element that plays silence, or null. */
let silence = null;
/** Why the screen stays on, and the promise of its lock. */
const reasons = new Set();
let lock = null;

/** Gives the controls to a mixer's song. */
export function takeControls(mixer) {
  shown = mixer;
  session.metadata = new MediaMetadata({ title: title(mixer.job.name) });
  const actions = {
    play: () => mixer.isPlaying || mixer.toggle(),
    pause: () => mixer.isPlaying && mixer.toggle(),
    seekbackward: ({ seekOffset }) => mixer.move(-(seekOffset ?? moveSeconds)),
    seekforward: ({ seekOffset }) => mixer.move(seekOffset ?? moveSeconds),
    seekto: ({ seekTime }) => mixer.seek(seekTime),
    previoustrack: () => mixer.seek(mixer.loop?.[0] ?? 0),
  };
  for (const [action, handler] of Object.entries(actions)) session.setActionHandler(action, handler);
}

/** Shows where the mixer is in its song. */
export function showState({ time, isPlaying, timeline: { duration }, song: { tuning } }) {
  keepAwake("a song plays", isPlaying);
  session.playbackState = isPlaying ? "playing" : "paused";
  session.setPositionState({ duration, position: Math.min(duration, Math.max(0, time)), playbackRate: tuning.speed });
  // Chromium takes the controls away soon after an AudioContext falls silent, but not from an element of more than 5 s that is paused. Safari needs none.
  if (isPlaying && !navigator.audioSession) silence ??= silentElement();
  if (isPlaying) silence?.play().catch(() => {});
  else silence?.pause();
}

function silentElement(seconds = 10, rate = 8000) {
  const parts = [wavHeader(1, rate, seconds * rate), new Float32Array(seconds * rate)];
  const player = Object.assign(new Audio(URL.createObjectURL(new Blob(parts, { type: "audio/wav" }))), { loop: true });
  // A call on the phone pauses this element alone.
  player.onpause = () => player.paused && shown.isPlaying && shown.toggle();
  return player;
}

/** Keeps the screen on while there is a reason: a phone that sleeps stops the engine and the music. */
export function keepAwake(reason, isWanted) {
  reasons[isWanted ? "add" : "delete"](reason);
  const isHeld = reasons.size > 0 && !document.hidden;
  // The system refuses when the battery is low.
  if (isHeld) lock ??= navigator.wakeLock?.request("screen").catch(() => null);
  else lock = lock?.then((held) => held?.release()) && null;
}

// A hidden page loses its lock, and asks again when it is seen.
document.addEventListener("visibilitychange", () => keepAwake(null, false));
