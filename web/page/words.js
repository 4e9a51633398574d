// The page's words: numbers, times and keys, the states of songs, and faults.

/**
 * A refusal of the back end, or its failure; the message is a sentence for the user.
 *
 * `status` is that of HTTP. `kind` is the last part of the service's type, else null. `heading` is for the banner, or null.
 * `retryAfterSeconds` is null unless the same call can succeed later without anybody doing something.
 */
export class Problem extends Error {
  status; kind; heading; retryAfterSeconds;

  constructor(status, sentence, { kind = null, heading = null, retryAfterSeconds = null } = {}) {
    super(sentence);
    Object.assign(this, { status, kind, heading, retryAfterSeconds });
  }

  /** Any error as a problem; one of the engine may have a status. */
  static of(error) {
    return error instanceof Problem ? error : new Problem(error.status ?? 500, error.message || String(error));
  }
}

/** A name as one line, without control characters and halves of characters. */
export const oneLine = (text) => text.replace(/[\p{Cc}\p{Cs}]+/gu, " ").trim();

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

/** The file name of a song that gets another title: with the extension that it has, or one after which `title` gives back what was typed. */
export function renamed(name, typed) {
  const whole = typed + name.slice(title(name).length);
  return title(whole) === typed ? whole : `${typed}.wav`;
}

export function stateWords(job) {
  switch (job.state) {
    case "queued":
      return !job.queue_position ? "Waiting" : job.queue_position === 1 ? "Next in line" : `${ordinal(job.queue_position)} in line`;
    case "running":
      if (job.activity) return job.activity;
      return job.seconds_left === null ? "Separating" : `Separating, ${roughTime(job.seconds_left)} left`;
    case "done":
      return clock(job.duration_seconds ?? 0);
    case "failed":
      return problemWords(job.error, job.name);
    case "cancelled":
      return "Cancelled";
    default:
      return job.state;
  }
}

/** A problem in the service's words, without the song's name, which stands above it. */
export function problemWords(problem, name = "") {
  const words = problem?.detail || problem?.title || "Something went wrong.";
  const quoted = [name, `'${name}'`, `“${name}”`].find((each) => name && words.startsWith(each));
  if (!quoted) return words;
  const rest = words.slice(quoted.length).replace(/^:?\s*/, "");
  return /^(is|has|ends|can't|can|does|was|holds|contains)\b/.test(rest) ? `It ${rest}` : rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** What went wrong, for an error of a back end: without a connection, browsers have words of their own, which say nothing. */
export const failureWords = (error) => (error instanceof TypeError ? "No connection to the service. Try again when it is there." : error.message);

/** Of a song: a shorter sound is left of a broken file. */
export const leastSeconds = 1;

/** Whether the same song may succeed later: the service, not the sound, was the reason. */
export const mayHelpToRetry = (problem) => !problem?.status || problem.status >= 500 || problem.status === 408 || problem.status === 429;

/** What a player says that waits for a part of a running job. */
export const waitWords = "This part is not separated yet. Playing goes on when it is.";

/** What a player says that waits for sound; nothing of less than 3 s. Tens of seconds: each change is read aloud. */
export const loadingWords = (seconds, reason) => (seconds >= 3 ? `Loading, about ${roughTime(Math.ceil(seconds / 10) * 10)} to the sound: ${reason}.` : "");

/** Of a song that was open on the page. */
export const goneWords = ({ name, isOthers }) => `${title(name)} ${isOthers ? "is not shared any more" : "was deleted"}`;

/** Number of finished quarters of a job's progress, 0…4. */
export const quarters = (fraction) => Math.floor(fraction * 4 + 1e-9);

export const quarterWords = ["", "a quarter done", "half done", "three quarters done", "done"];

export const isWaiting = (state) => ["queued", "running", "waiting", "uploading", "delayed", "decoding"].includes(state);

/** A sentence about the stems that are sums of others, or null. */
export function sumsWords(stems) {
  const sums = stems.filter((stem) => !stem.is_part).map(({ name }) => name);
  if (!sums.length) return null;
  return sums.length === 1
    ? `${sums[0]} is a sum of other stems: silent until you unmute or solo it.`
    : `${sums.join(", ")} are sums of other stems: silent until you unmute or solo them.`;
}
