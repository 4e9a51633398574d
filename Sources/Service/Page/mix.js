// The mixer's settings as numbers: the gain of each stem by all controls.

export const silenceDecibels = -48;
export const loudestDecibels = 6;

/** The strip of a stem. A sum of other stems (`isPart` is false) is muted at first: with them it would sound twice. */
export const newStrip = (isPart = true) => ({ volume: 0, pan: 0, isMuted: !isPart, isSolo: false, isPart });

/**
 * Linear gain of one strip among all strips. Several strips may be solo; mute overrides solo, but
 * not in a sum, which is muted at first.
 */
export function gain(strip, strips) {
  const isHeard = strip.isSolo ? !strip.isMuted || !strip.isPart : !strip.isMuted && !strips.some((other) => other.isSolo);
  if (!isHeard || strip.volume <= silenceDecibels) return 0;
  return 10 ** (strip.volume / 20);
}

/** The query of the service's mix for the present settings. */
export function mixQuery(names, strips, format) {
  const query = new URLSearchParams();
  names.forEach((name, index) => {
    query.set(name, String(Number(gain(strips[index], strips).toFixed(4))));
    if (strips[index].pan) query.set(`${name}.pan`, String(strips[index].pan / 100));
  });
  query.set("format", format);
  return query.toString();
}
