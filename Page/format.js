// Formats numbers for the page and for screen readers.

/** "3:12", or "1:02:03" from an hour on. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const pad = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${pad(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`;
}

/** "3:12.4": a clock with decimals of the second. */
export function preciseClock(seconds, decimals) {
  const whole = Math.floor(seconds + 1e-6);
  return clock(whole) + (decimals ? Math.max(0, seconds - whole).toFixed(decimals).replace(/^[01]/, "") : "");
}

/** "1 song", "2 songs". */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** "3 minutes 12 seconds", for screen readers. */
export function spokenTime(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const parts = [];
  if (whole >= 3600) parts.push(count(Math.floor(whole / 3600), "hour"));
  if (whole >= 60) parts.push(count(Math.floor((whole % 3600) / 60), "minute"));
  parts.push(count(whole % 60, "second"));
  return parts.join(" ");
}

/** "8 seconds", "2 minutes", "1 hour 5 minutes", "3 days": rounded, for estimates. */
export function roughTime(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return count(whole, "second");
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return count(minutes, "minute");
  if (minutes >= 2 * 24 * 60) return count(Math.round(minutes / (24 * 60)), "day");
  const rest = minutes % 60;
  return count(Math.floor(minutes / 60), "hour") + (rest ? ` ${count(rest, "minute")}` : "");
}

const naturals = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
/** The names of keys by the circle of fifths: those with the fewest accidentals. */
const tonics = {
  major: ["C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"],
  minor: ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B"],
};

/** "B♭ minor" for "Bb minor" or "A# minor", moved by semitones. */
export function keyWords(key, semitones = 0) {
  const [tonic, mode] = key.split(" ");
  const number = naturals[tonic[0]] + ({ "#": 1, b: -1 }[tonic[1]] ?? 0) + Math.round(semitones);
  return `${tonics[mode][((number % 12) + 12) % 12]} ${mode}`;
}

/** "+2", "0" or "−5", with a true minus sign. */
export const signed = (number) => `${number > 0 ? "+" : number < 0 ? "−" : ""}${Math.abs(number)}`;

/** "−3 dB"; silence is "−∞ dB". */
export function decibels(value, silence = -Infinity) {
  return value <= silence ? "−∞ dB" : `${signed(value)} dB`;
}

export function spokenDecibels(value, silence = -Infinity) {
  if (value <= silence) return "silent";
  return `${value < 0 ? "−" : ""}${count(Math.abs(value), "decibel")}`;
}

/** "C", "30 L", "100 R" for a pan in percent; negative is left. */
export function pan(percent) {
  return percent === 0 ? "C" : `${Math.abs(percent)} ${percent < 0 ? "L" : "R"}`;
}

export function spokenPan(percent) {
  return percent === 0 ? "centre" : `${Math.abs(percent)} percent ${percent < 0 ? "left" : "right"}`;
}

export function ordinal(number) {
  const tens = number % 100;
  const suffix = tens > 10 && tens < 14 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return number + suffix;
}

/** "640 kB", "12 MB", "2.1 GB"; in powers of 1000. */
export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (number >= 999.5 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${number < 9.95 && unit > 1 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

/** A song's title: its file name without the extension of a sound file. */
export function title(name) {
  return name.replace(/(.)\.(wav|wave|flac|mp3|ogg|oga|opus|m4a|aac|aiff?|w64|caf|wma|mp4|mkv|webm)$/i, "$1");
}
