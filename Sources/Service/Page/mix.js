// The mixer's settings as numbers: the gain of each stem by all controls.

export const silenceDecibels = -48;
export const loudestDecibels = 6;

export const newStrip = () => ({ volume: 0, pan: 0, isMuted: false, isSolo: false });

/** Linear gain of one strip among all strips. Several strips may be solo; mute overrides solo. */
export function gain(strip, strips) {
  const isHeard = !strip.isMuted && (strip.isSolo || !strips.some((other) => other.isSolo));
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
