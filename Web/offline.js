// Registers the service worker, which makes the page work offline, and isolated from other pages.

const reloaded = "swift-demucs reloaded for isolation";

/**
 * Registers the service worker. Where the host doesn't isolate the page, it reloads it once, so that
 * the worker does; call it before anything is begun that a reload would lose.
 *
 * Returns null, or a sentence if the page won't work offline.
 */
export async function workOffline() {
  if (crossOriginIsolated) sessionStorage.removeItem(reloaded);
  if (!("serviceWorker" in navigator)) {
    return "This browser or window can't keep the page for use without a network. Open it over https:// in an ordinary window.";
  }
  try {
    await navigator.serviceWorker.register(new URL("service_worker.js", import.meta.url), { updateViaCache: "none" });
    await navigator.serviceWorker.ready;
  } catch (error) {
    return `The page can't be kept for use without a network (${error.message}).`;
  }
  // Without isolation after one reload, as in a forced reload, it would not come by another one.
  if (!crossOriginIsolated && !sessionStorage.getItem(reloaded)) {
    sessionStorage.setItem(reloaded, "yes");
    location.reload();
  }
  return null;
}
