// Speed and pitch as a song's user sets them.

export const slowest = 0.25;
export const fastest = 1.5;
export const mostSemitones = 12;

export const plainTuning = { speed: 1, semitones: 0, keepsFormants: true };

/** Whether the stems sound as they are: nothing needs stretching then. */
export const isPlain = ({ speed, semitones }) => speed === 1 && semitones === 0;

/** "70 %" for a speed. */
export const percent = (speed) => `${Math.round(speed * 100)} %`;
