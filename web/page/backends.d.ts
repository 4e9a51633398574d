// The page's back end: the service (api.js), or the engine in the browser (LocalBackend). A method throws `Problem`, `TypeError`
// without a connection, or `AbortError`.

/** What the service's description (openapi.json) calls so. */
type Job = any;
type SongSet = { id: string; name: string; songs: { id: string; semitones: number; speed: number }[]; shared?: boolean; is_own?: boolean };
/** A file of downloads.js. */
type SavedFile = any;
/** Bytes; a total of 0 is unknown. */
type OnBytes = (received: number, total: number) => void;

interface Backend {
  /** Whether this device separates the songs, and has to stay awake. */
  readonly worksHere: boolean;
  /** The choice under "Separated" that it is, and the address of the page with the other one. */
  readonly place: string;
  readonly otherPlace: string | null;
  /** Whether it makes M4A and stem files. */
  readonly hasFFmpeg: boolean;
  /** Of a song that waits to be added, of one that is added (null: as a share), of the automatic precision, and why sound comes late. */
  readonly words: any;
  /** The engine and its models. */
  models(): Promise<any>;
  /** Ends well if songs can be separated now. */
  checkReady(): Promise<unknown>;
  /** Ends when the model's file is there, kept or removed; only if `models()` have `model_endings`, which says what it takes. */
  fetchModel?(name: string, onProgress: OnBytes): Promise<unknown>;
  addModel?(file: File): Promise<unknown>;
  removeModel?(name: string): Promise<unknown>;
  /** The example song demo_track.ogg, or a true stem of it, demo_stems/drums.ogg. */
  example(path: string): Promise<Blob>;
  /** Jobs, newest first. */
  list(page: { limit: number; after?: string | null }): Promise<{ separations: Job[]; next: string | null; last_event: any }>;
  /** All songs that other users have opened; only of a back end with users, as all that shares. */
  shared?(): Promise<Job[]>;
  /** The job, now open for others or not. */
  share?(id: string, isShared: boolean): Promise<Job>;
  job(id: string): Promise<Job>;
  /** The job with another name, or other notes (sections, loop and correction of `notes` in kept.js; null for none). */
  change(id: string, changes: { name?: string; notes?: any }): Promise<Job>;
  /** All sets that the user may see. */
  sets(): Promise<SongSet[]>;
  /** The set, new or in place of the one before. */
  keepSet(set: SongSet): Promise<SongSet>;
  removeSet(id: string): Promise<unknown>;
  shareSet?(id: string, isShared: boolean): Promise<SongSet>;
  /** The new job; `onProgress` gets the share sent, 0…1. */
  add(file: File, options: any, call: { onProgress: (share: number) => void; signal: AbortSignal }): Promise<Job>;
  /** The job in line that was cancelled, or null for one that had ended and is removed. */
  remove(id: string): Promise<Job | null>;
  /** The waiting job, now before another one. */
  move(id: string, before: string): Promise<Job>;
  /** Tempo, beats and key. */
  analysis(id: string): Promise<any>;
  /** Waveforms of a part in seconds, or of the whole. */
  peaks(id: string, window: { points: number; from?: number; to?: number }): Promise<any>;
  /** Bytes of a stem's WAV file, when they are there; `total` is its length, or null if the back end can't read parts. */
  read(id: string, stem: any, from: number, end: number, onProgress?: OnBytes): Promise<{ bytes: ArrayBuffer; total: number | null }>;
  /** A part in seconds as a FLAC file; only of a back end at the end of a line. */
  flac?(id: string, stem: any, from: number, to: number, onProgress?: OnBytes): Promise<ArrayBuffer>;
  /** The file of a stem. */
  whole(id: string, stem: any): Promise<ArrayBuffer>;
  /** The address of a file, or null if a plain link can't reach it. */
  linkTo(file: SavedFile): string | null;
  /** Ends well when such an address answers. */
  prepare(link: string): Promise<unknown>;
  blob(file: SavedFile, onProgress?: OnBytes): Promise<Blob>;
  /** A WAV file in the format of a file, with its tags. */
  convert(sound: Blob, file: SavedFile): Promise<Blob>;
  /** Tells of all jobs as long as the page is open. */
  follow(handlers: {
    /** Loads the present state; resolves with the last event that it includes. */
    begin: () => Promise<any>;
    /** At each connection, before its first event. */
    onOpen: () => void;
    onEvent: (type: string, data: any) => void;
    /** A connection ended or failed. */
    onLost: (problem: Error | null) => void;
  }): unknown;
}
