// FLAC files that the browser decodes, to the sample.

/** 16 samples of 32767. A browser shows by them whether it decodes FLAC, and how it scales 16 bits: Chromium divides positive samples by 32767. */
const loudestFile = "ZkxhQ4AAACISABIAAAAMAAAMCsRA8AAAABD9BgUUrABjrBo/8G/S6On1//hpCAAPMAB//0aE";
let scale = null;

const decode = (file, sampleRate) => new OfflineAudioContext(1, 1, sampleRate).decodeAudioData(file);

/** A promise of the factor from positive samples to whole numbers, or of null. */
const scaleOf16Bits = () => (scale ??= decode(Uint8Array.from(atob(loudestFile), (letter) => letter.charCodeAt(0)).buffer, 44100).then((sound) => 32767 / sound.getChannelData(0)[0], () => null));

export const decodesFLAC = async () => (await scaleOf16Bits()) !== null;

/** The samples of a file with the rate and the bits of `format`, one Float32Array for each channel: those of `decodeFrames`. */
export async function decodeFLAC(file, { sampleRate, bits }) {
  const sound = await decode(file, sampleRate);
  const factor = await scaleOf16Bits();
  const planes = Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
  // More bits are finer than floats.
  if (bits === 16) for (const plane of planes) plane.forEach((sample, frame) => { if (sample > 0) plane[frame] = Math.round(sample * factor) / 0x8000; });
  return planes;
}
