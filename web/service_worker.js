// Answers for the page's own files: from a copy, so that the page works without a network, and with
// the headers that isolate it from other pages, which shared memory requires. Requests to other
// origins pass by, and nothing of them is kept.

// Made by tools/build_web: `pageFiles`, with the version and the files' hashes. The browser compares
// it with each visit, and installs the new version once no tab shows the old one.
importScripts("files.js");

const { version, files } = self.pageFiles;
const prefix = "swift-demucs page ";
const scope = new URL("./", self.location).href;

const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

function isolated(reply) {
  // Redirects and failures of the network can't be built again.
  if (reply.type === "opaqueredirect" || reply.status === 0) return reply;
  const headers = new Headers(reply.headers);
  for (const [name, value] of Object.entries(isolation)) headers.set(name, value);
  const hasBody = ![204, 205, 304].includes(reply.status);
  return new Response(hasBody ? reply.body : null, { status: reply.status, statusText: reply.statusText, headers });
}

/** The name in `files` that a request asks for, or null. */
function pageFile(url) {
  if (!url.startsWith(scope)) return null;
  const name = new URL(url).pathname.slice(new URL(scope).pathname.length).replace(/(^|\/)$/, "$1index.html");
  return name in files ? name : null;
}

/** Fetches all files, unless an older copy has the same bytes. */
async function install() {
  const cache = await caches.open(prefix + version);
  await Promise.all(
    Object.entries(files).map(async ([name, hash]) => {
      const key = `${scope}${name}?${hash}`;
      const kept = await caches.match(key);
      // The hash refuses a file of another version, which a host's cache could mix in.
      await cache.put(key, kept ?? (await whole(await fetch(scope + name, { cache: "no-cache", integrity: `sha256-${hash}` }), name)));
    }));
}

function whole(reply, name) {
  if (!reply.ok) throw new Error(`${name} can't be loaded (${reply.status})`);
  return reply;
}

async function removeOldVersions() {
  for (const name of await caches.keys()) if (name.startsWith(prefix) && name !== prefix + version) await caches.delete(name);
}

async function answer(request) {
  const name = pageFile(request.url);
  const kept = name && (await (await caches.open(prefix + version)).match(`${scope}${name}?${files[name]}`));
  return isolated(kept ?? (await fetch(request)));
}

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(removeOldVersions()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === self.location.origin) event.respondWith(answer(request));
});
