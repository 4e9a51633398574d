// The page's back end: the service (api.js), or the engine in the browser (LocalBackend). Both have these members; each method
// but `linkTo` resolves with what it says, or throws `Problem`, `TypeError` without a connection, or `AbortError`. Jobs, models,
// waveforms and analyses have the form that the service's description gives them (openapi.json).
//
// worksHere                                 whether this device separates the songs, and has to stay awake
// place, otherPlace                         the choice under "Separated" that it is, and the address of the page with the other one
// hasFFmpeg                                 whether it makes M4A and stem files
// words                                     of a song that waits to be added, of one that is added (null: as a share), of the automatic precision, and why sound comes late
// models()                                  the engine and its models
// checkReady()                              nothing, if songs can be separated now
// fetchModel(name, onProgress), addModel(file), removeModel(name)
//                                           when the model's file is there (`onProgress(received, total)`), kept or removed; only of a back end whose `models()` have `model_endings`, which says what it takes
// example(path)                             the example song demo_track.ogg, or a true stem of it, demo_stems/drums.ogg: a Blob
// list({ limit, after })                    jobs, newest first: `{ separations, next, last_event }`
// shared(), share(id, isShared)             all songs that other users have opened; the job, now open for them or not; only of a back end with users
// job(id)                                   a job
// change(id, { name, notes })               the job with another name, or other notes where they are given (sections, loop and correction of `notes` in kept.js; null for none)
// sets()                                    all sets that the user may see: `{ id, name, songs: [{ id, semitones, speed }], shared, is_own }`
// keepSet({ id, name, songs }), removeSet(id)
//                                           the set, new or in place of the one before; nothing
// shareSet(id, isShared)                    the set, now open for other users or not; only of a back end with users
// add(file, options, { onProgress, signal }) the new job; `onProgress` gets the share sent, 0…1
// remove(id)                                the job in line that was cancelled, or null for one that had ended and is removed
// move(id, before)                          the waiting job, now before another one
// analysis(id)                              tempo, beats and key
// peaks(id, { points, from, to })           waveforms, of a part in seconds or of the whole
// read(id, stem, from, end, onProgress)     bytes of a stem's WAV file, `{ bytes, total }`, when they are there; `total` is the file's
//                                           length, or null if the back end can't read parts; `onProgress(received, total)` of these bytes
// flac(id, stem, from, to, onProgress)      a part in seconds as a FLAC file, an ArrayBuffer; only of a back end at the end of a line
// whole(id, stem)                           the file of a stem, an ArrayBuffer
// linkTo(file)                              the address of a file of downloads.js, or null if a plain link can't reach it
// prepare(link)                             nothing, when such an address answers
// blob(file, onProgress)                    such a file, a Blob; `onProgress(received, total)` has a total of 0 if it is not known
// convert(sound, file)                      a WAV file, a Blob, in the format of a file of downloads.js, with its tags
// follow({ begin, onOpen, onEvent, onLost }) tells of all jobs as long as the page is open. `begin` loads the present state and resolves
//                                           with the last event that it includes; `onOpen` is called at each connection, before its
//                                           first event; `onEvent` with type and data; `onLost` when a connection ends or fails, with
//                                           the problem or null

import { ServiceBackend } from "./songs/api.js";

/** @type {ServiceBackend & { fetchModel?: (name: string, onProgress: (received: number, total: number) => void) => Promise<unknown>, addModel?: (file: File) => Promise<unknown>, removeModel?: (name: string) => Promise<unknown> }} */
export let backend = new ServiceBackend();

/** The identifier of a new job or set. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Takes another back end, before the page begins. */
export function useBackend(other) {
  backend = other;
}
