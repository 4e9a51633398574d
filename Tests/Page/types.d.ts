// What tsc doesn't know of browsers, and what the page's modules may do with elements that they find: any property is taken, so
// that the check is about the page's own classes.

interface ParentNode {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
}
interface Document {
  getElementById(id: string): any;
}
interface Element {
  closest(selectors: string): any;
  readonly firstElementChild: any;
  readonly lastElementChild: any;
}
interface EventTarget {
  closest(selectors: string): any;
  matches: any;
}

// Newer than the compiler's own declarations.
interface Navigator {
  audioSession?: { type: string };
  wakeLock?: { request(kind: "screen"): Promise<{ release(): Promise<void> }> };
}
interface URLSearchParams {
  readonly size: number;
}
interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<any>;
}
declare class CompressionStream {
  constructor(format: string);
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

// Of workers and worklets.
declare const WorkerGlobalScope: unknown;
declare class FileReaderSync {
  readAsArrayBuffer(file: Blob): ArrayBuffer;
}
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function postMessage(message: any, transfer?: Transferable[]): void;
declare const currentFrame: number;
declare function registerProcessor(name: string, processor: unknown): void;
