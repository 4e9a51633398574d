// The page's back end (backends.d.ts).

import { ServiceBackend } from "./songs/api.js";

/** @type {Backend} */
export let backend = new ServiceBackend();

/** The identifier of a new job or set. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Takes another back end, before the page begins. */
export function useBackend(/** @type {Backend} */ other) {
  backend = other;
}
