// Types of swift-demucs.js. docs/web.md explains them with an example.

/** Weights of a model: float32 as published, or rounded when they are loaded. */
export type Precision = "float32" | "bfloat16" | "int8";
export const precisions: Precision[];

/** A name of models.js, such as "demo" or "htdemucs"; an address, which has a slash; a file, or its bytes. */
export type Model = string | URL | Blob | ArrayBuffer | ArrayBufferView;

export interface LoadingProgress {
  /** "loading" while the files are read; before it, what models.js says of a download. */
  state: string;
  receivedBytes: number;
  totalBytes: number;
}

export interface LoadOptions {
  /** By default float32, or int8 where memory is small and for files with INT8 weights. */
  precision?: Precision | null;
  /** By default as many as the processor has, up to 8. One on a page that is not isolated. */
  threads?: number | null;
  onProgress?(progress: LoadingProgress): void;
  signal?: AbortSignal;
}

/** Loads a model into a worker. */
export function load(model: Model, options?: LoadOptions): Promise<Engine>;

/** Samples of one or more channels, all equally long. */
export interface Sound {
  channels: Float32Array[];
  sampleRate: number;
}

/** Channels by the names of the sources. */
export type Stems = Record<string, Float32Array[]>;

/** The command's options that choose signals, such as `two-stems`, or tune the separation, such as `shifts`, under their names. */
export type Settings = Record<string, string | number | boolean | string[] | null>;

export interface Plan {
  /** Signals in their order; one that is no part repeats others, so that it is left out of a mix of all. */
  outputs: { name: string; is_part: boolean }[];
  /** The values of all settings. */
  settings: Settings;
}

/** The outputs and the values of all settings for a model of these sources, which needs not be loaded. */
export function plan(settings: Settings, sources: string[]): Promise<Plan>;

export interface AnalyzeOptions {
  /** After each segment. */
  onProgress?(progress: { segmentsDone: number; segmentsTotal: number; fraction: number }): void;
  /** Before the first segment. */
  onPlan?(plan: Plan & { samples: number }): void;
  /** Finished samples of all outputs, in order: the first of them is the track's sample `start`. */
  onStems?(piece: { start: number; stems: Stems }): void;
  signal?: AbortSignal;
  /** A value of `Settings`. */
  [setting: string]: unknown;
}

export interface SeparateOptions extends AnalyzeOptions {
  /**
   * First sample of the stems that is wanted: with the same track, options and seed, a separation that was interrupted goes on
   * to the bit. By default 0.
   */
  start?: number;
  /** Whether to return the stems; false saves their memory where `onStems` takes them. By default true. */
  collect?: boolean;
  /** Whether to find tempo, beats and key too. By default false. */
  analyze?: boolean;
  /** The stems before `start`, all of them: an analysis needs them, as samples or WAV files at the model's rate. */
  finished?: Record<string, Float32Array[] | Blob> | null;
  /**
   * Changes of values and parameters inside the network, as `swift-demucs trace --edit` takes them: "tdecoder.3=zero". Such a
   * separation is slower. Changed parameters load the model again.
   */
  edits?: string[];
  /** Patterns of names, separated by commas: these values go to `onValue`, of each segment and member. By default none. */
  values?: string;
  onValue?(value: Value): void;
  /** Address of a module whose function `reduce(value)` makes `{ result, transfer }` of each value, in the engine's worker: `onValue` gets the result. */
  reduce?: string | URL | null;
  /** At the begin of each pass, "begin", and after each block of the network, with `performance.now()` of the engine's worker. */
  onBlock?(name: string, milliseconds: number): void;
}

/** A value inside the network or a parameter, row-major, in PyTorch's order of axes without the batch. */
export interface Value {
  /** The name of its module, or "mix", "mag", "x", "xt", "output", "add_67", "final" (docs/porting.md). */
  name: string;
  shape: number[];
  values: Float32Array;
}

/** What `swift-demucs analyze --json` prints of a track. */
export interface Analysis {
  /** Beats per minute; null for a track of less than four seconds, or without onsets. */
  tempo_bpm: number | null;
  /** Times of the beats in seconds, ascending. */
  beats: number[];
  /** Times of the first beat of each bar. */
  downbeats: number[];
  /** A guess, such as "4/4"; null without beats. */
  metre: string | null;
  /** How clearly `downbeats` are the first beats of the bars, 0 to 1; null without beats. */
  downbeat_confidence: number | null;
  /** Such as "Bb major" or "F# minor"; null for a track without pitches. */
  key: string | null;
}

export interface Architecture {
  nfft: number;
  /** Attention heads of the transformer. */
  heads: number;
  /** Longest segment. */
  segmentSeconds: number;
  /** Shapes of the parameters by their names in PyTorch's state dict. */
  shapes: Record<string, number[]>;
}

export interface Engine {
  /** Names of the stems. */
  readonly sources: string[];
  /** Rate of the stems; tracks of other rates are resampled to it. */
  readonly sampleRate: number;
  readonly precision: Precision;
  readonly threads: number;
  /** The architecture of the model, or of a bag's first one. */
  readonly architecture: Architecture;
  /** Contents of the model's files that the engine ignores. */
  readonly warnings: string[];
  /** Separates a track, one at a time; a WAV file is read from the disk, piece by piece; the browser decodes others. */
  separate(track: Sound | Blob, options?: SeparateOptions): Promise<{ stems: Stems; analysis: Analysis | null }>;
  /** The parameters whose names match, as they are in the model's file, a bag's first one. */
  parameters(patterns?: string): Promise<Record<string, Value>>;
  /** Tempo, beats and key of a track, which is separated for it; by default without shifts. */
  analyze(track: Sound | Blob, options?: AnalyzeOptions): Promise<Analysis>;
  /** Ends the workers and gives their memory back. */
  close(): void;
}
