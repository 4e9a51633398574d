// The page's main module: connects the service's jobs with the queue and the stage.

import { request } from "./api.js";
import { announce, loadIcons } from "./dom.js";
import { acceptFiles } from "./drop.js";
import { title } from "./format.js";
import { Jobs } from "./jobs.js";
import { listen } from "./keys.js";
import * as link from "./link.js";
import { Options } from "./options.js";
import { Queue } from "./queue.js";
import { Service } from "./service.js";
import { Stage } from "./stage.js";
import { Uploads } from "./uploads.js";
import { isWaiting, problemWords, quarters, quarterWords } from "./words.js";

/** The song on stage, and the state of the link that opened it. */
let openId = null;
let saved = link.read(location.hash);

const options = new Options();
const service = new Service((reply) => {
  options.offer(reply);
  uploads.bodyLimitBytes = reply.limits?.body_bytes ?? Infinity;
});

const uploads = new Uploads({
  onChange: () => show(),
  onJob: (job) => {
    // Events about the job may have come first, and are newer.
    if (!jobs.get(job.id)) jobs.apply(job);
    if (!stage.mixer?.isPlaying && !isWaiting(jobs.get(openId)?.state)) open(job.id);
  },
});

const jobs = new Jobs({
  onChange: (job, before) => {
    if (job && before) tell(job, before);
    if (!job && before.id === openId) openNext();
    show();
  },
  onLoaded: () => {
    if (!openId) openFirst();
    show();
  },
  onConnection: (isOpen, problem) => {
    uploads.isConnected = isOpen;
    service.connection(isOpen, problem);
  },
});

const actions = {
  open: (item) => {
    if (!jobs.get(item.id)) return;
    open(item.id);
    // On a narrow screen the song is below the list.
    document.getElementById("stage").scrollIntoView({ block: "nearest" });
  },
  remove: (item) => (item.file ? uploads.remove(item) : remove(item)),
  cancel: (job) => remove(job),
  retry: (item) => (item.file ? uploads.retryItem(item) : retry(item)),
  canRetry: (item) => Boolean(item.file) || uploads.canRetry(item.id),
  choose: () => document.getElementById("chooser").click(),
  stemsOf: (job) => {
    const two = job.options?.["two-stems"] ?? job.options?.two_stems;
    return two ? [two, `no_${two}`] : (options.models?.find(({ name }) => name === job.model)?.stems ?? ["drums", "bass", "other", "vocals"]);
  },
};

const queue = new Queue(actions);
export const stage = new Stage(actions);

function open(id) {
  if (id === openId) return;
  openId = id;
  history.replaceState(null, "", link.write({ song: id }) || location.pathname);
  show();
}

/** Opens the song of the link, or else the newest finished one. */
function openFirst() {
  if (saved.song) {
    openId = saved.song;
    return;
  }
  openNext();
}

function openNext() {
  const list = jobs.list();
  openId = (list.find((job) => job.state === "done") ?? list[0])?.id ?? null;
  history.replaceState(null, "", link.write({ song: openId }) || location.pathname);
}

async function remove(job) {
  try {
    await request(`v1/separations/${job.id}`, { method: "DELETE" });
    if (!isWaiting(job.state)) jobs.remove(job.id);
  } catch (error) {
    if (error.status === 404) jobs.remove(job.id);
    else announce(error.message);
  }
}

function retry(job) {
  uploads.retry(job.id);
  remove(job);
}

/** Announces quarters of the progress and ends of jobs to screen readers. */
function tell(job, before) {
  const name = title(job.name);
  if (job.state === "done" && before.state !== "done") announce(`${name} is done`);
  else if (job.state === "failed" && before.state !== "failed") announce(`${name} failed. ${problemWords(job.error)}`);
  else if (job.state === "running" && quarters(job.fraction) > quarters(before.fraction)) announce(`${name}, ${quarterWords[quarters(job.fraction)]}`);
}

function show() {
  const list = jobs.list();
  queue.show([...uploads.items].reverse().concat(list), openId, actions.canRetry);
  const job = jobs.get(openId);
  if (job) stage.show(job, saved.song === job.id ? saved : null);
  else if (openId && jobs.isLoaded) stage.showGone();
  else if (jobs.isLoaded || !saved.song) stage.showEmpty();
  const running = list.find(({ state }) => state === "running");
  document.title = running ? `${Math.floor(running.fraction * 100)} % · ${title(running.name)}` : job ? `${title(job.name)} · swift-demucs` : "swift-demucs";
}

/** Opens a link to another song that was pasted into the address bar. */
addEventListener("hashchange", () => {
  saved = link.read(location.hash);
  stage.reset();
  openId = null;
  openFirst();
  show();
});

async function offerExample() {
  const button = document.getElementById("example");
  try {
    await request("demo_track.ogg", { method: "HEAD" });
  } catch {
    return;
  }
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const song = await (await request("demo_track.ogg")).blob();
      uploads.add([new File([song], "Example song.ogg", { type: "audio/ogg" })], options.fields);
    } catch (error) {
      announce(error.message);
    }
    button.disabled = false;
  });
}

const help = document.getElementById("help-dialog");
document.getElementById("help").addEventListener("click", () => help.showModal());
document.addEventListener("click", (event) => {
  // A click outside a menu or a dialog closes it.
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  if (event.target === help) help.close();
});
acceptFiles((files) => uploads.add(files, options.fields));
listen(() => stage.mixer, () => help.showModal());
loadIcons();
show();
jobs.start();
offerExample();
