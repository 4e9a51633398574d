// Mixes for practice in one tap, as the stems that sound.

/** The stem of a song that its stems leave out: the original minus their sum. */
export const residualName = "residual";

/** The presets that a song's stems allow: `{ id, words, title, sounds(name), solo }`. `mine` is the stem of the user's instrument. */
export function presetsOf(names, mine) {
  const isMusic = (name) => name !== residualName;
  const without = (gone) => (name) => isMusic(name) && name !== gone;
  const all = [
    { id: "all", words: "All stems", sounds: isMusic },
    { id: "karaoke", words: "Karaoke", needs: "vocals", sounds: without("vocals") },
    { id: "no-drums", words: "No drums", needs: "drums", sounds: without("drums") },
    { id: "bass", words: "Bass alone", needs: "bass", sounds: (name) => name === "bass" },
    { id: "mine", words: `Without ${mine}`, needs: mine, sounds: without(mine) },
    { id: "left", words: "What is left", title: "What the stems leave out of the original", needs: residualName, sounds: isMusic, solo: residualName },
  ];
  return all.filter(({ needs }) => !needs || (names.includes(needs) && names.filter(isMusic).length > 1));
}

/** Mutes what a preset leaves out. Volumes and pans stay; sums of other stems stay silent. */
export function applyPreset(preset, names, strips) {
  names.forEach((name, index) => {
    strips[index].isSolo = name === preset.solo;
    strips[index].isMuted = !strips[index].isPart || !preset.sounds(name);
  });
}

/** Whether the strips sound as a preset says. */
export const isPreset = (preset, names, strips) =>
  names.every((name, index) => strips[index].isSolo === (name === preset.solo) && strips[index].isMuted === (!strips[index].isPart || !preset.sounds(name)));
