// Registers the service worker, which makes the page work offline, and isolated from other pages.

const reloaded = "swift-demucs reloaded for isolation";

/**
 * Registers the service worker. Where the host doesn't isolate the page, it reloads it once, so that
 * the worker does, if `mayReload()` resolves with true: nothing is begun that a reload would lose.
 *
 * Returns null, or a sentence if the page won't work offline.
 */
export async function workOffline(mayReload = async () => true) {
  if (crossOriginIsolated) sessionStorage.removeItem(reloaded);
  if (!("serviceWorker" in navigator)) {
    return "This browser or window can't keep the page for use without a network. Open it over https:// in an ordinary window.";
  }
  try {
    await activation(await navigator.serviceWorker.register(new URL("../service_worker.js", import.meta.url), { updateViaCache: "none" }));
  } catch (error) {
    return `The page can't be kept for use without a network (${error.message}).`;
  }
  // Without isolation after one reload, as in a forced reload, it would not come by another one.
  if (!crossOriginIsolated && !sessionStorage.getItem(reloaded) && (await mayReload())) {
    sessionStorage.setItem(reloaded, "yes");
    location.reload();
  }
  return null;
}

/** Waits for the first worker of a registration; throws if it can't be installed. */
function activation({ installing, waiting, active }) {
  if (active) return null;
  const worker = waiting ?? installing;
  return new Promise((resolve, reject) => {
    const check = () => {
      if (worker.state === "activated") resolve();
      else if (worker.state === "redundant") reject(new Error("a file of it can't be loaded or kept"));
    };
    worker.addEventListener("statechange", check);
    check();
  });
}
