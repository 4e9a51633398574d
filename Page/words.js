// The page's texts about a job, in one place, so that queue and stage use the same words.

import { clock, ordinal, roughTime } from "./format.js";

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

export const noSongWords = "No song can be read in this file: it is broken, or of an unknown format.";
/** Of a song: a shorter sound is left of a broken file. */
export const leastSeconds = 1;

/** Whether the same song may succeed later: the service, not the sound, was the reason. */
export const mayHelpToRetry = (problem) => !problem?.status || problem.status >= 500 || problem.status === 408 || problem.status === 429;

/** What a player says that waits for a part of a running job. */
export const waitWords = "This part is not separated yet. Playing goes on when it is.";

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
