// The page's main module: connects the service's jobs with the queue and the stage.

import { backend } from "./backend.js";
import { acceptFiles, announce, oncePerFrame, say } from "./dom.js";
import { listen } from "./mixer/input.js";
import { Jobs } from "./songs/jobs.js";
import { Library, LibraryTools } from "./songs/library.js";
import { changeKept, forget, recall, recallRehearsal, remember, showLink, shownLink, writeLink } from "./songs/memory.js";
import { Options, Service } from "./songs/options.js";
import { Queue } from "./songs/queue.js";
import { Sets } from "./songs/sets.js";
import { Stage } from "./songs/stage.js";
import { Uploads } from "./songs/uploads.js";
import { keepAwake } from "./sound/player.js";
import { failureWords, goneWords, isWaiting, mayHelpToRetry, problemWords, quarters, quarterWords, stateWords, title } from "./words.js";

/** The song on stage, and the place and mix that it opens with. */
let openId = null;
let saved = null;
/** Updates the page after changes, once for all that come before the next frame. */
const show = oncePerFrame(showNow);

const exampleButton = document.getElementById("example");
/** The list of songs, where it is a drawer: a popover that its button opens, and Escape or a press outside closes. */
const drawer = document.getElementById("songs");
const drawerButton = document.getElementById("songs-button");
const exampleName = "Example song.ogg";
/** How long the service keeps results; null is for ever. */
let keepSeconds = null;
/** The number of users with songs of their own; null without tokens. */
let users = null;
let isConnected = true;
/** The songs that this page removes; others are removed elsewhere: on another page, or by the service. */
const removing = new Set();
/** The last song that was removed elsewhere while it was on stage. */
let gone = null;
/** Requests that leave a browser's connections for others. */
const requestsAtOnce = 3;

const options = new Options({
  fetchModel: (name, onProgress) => changeModels(() => backend.fetchModel(name, onProgress)),
  removeModel: (name) => changeModels(() => backend.removeModel(name)),
});
const service = new Service((reply) => {
  options.offer(reply);
  uploads.bodyLimitBytes = reply.limits.body_bytes;
  keepSeconds = reply.limits.keep_seconds ?? null;
  users = reply.users ?? null;
  exampleButton.hidden = !reply.has_example;
  document.getElementById("lanes").disabled = !reply.has_example;
  show();
});

export const uploads = new Uploads({
  onChange: show,
  onJob: (job) => {
    // Events about the job may have come first, and are newer.
    if (!jobs.get(job.id)) jobs.apply(job);
    // Its stems together reach +0.9 dB.
    if (job.name === exampleName) remember(job.id, writeLink({ song: job.id, master: -2 }));
    if (!stage.mixer?.isPlaying && !isWaiting(jobs.get(openId)?.state)) open(job.id);
  },
});

const jobs = new Jobs({
  onChange: (job, before) => {
    if (job && before) announceChange(job, before);
    if (!job) {
      if (!before.isOthers) forget(before.id);
      if (before.id === openId && removing.has(openId)) openNext();
      else if (before.id === openId && before.name) {
        gone = before;
        announce(goneWords(gone));
      }
    }
    show();
  },
  onLoaded: () => {
    if (!openId) openShown();
    show();
  },
  onSearch: show,
  onSets: () => sets.load(),
  onConnection: (isOpen, problem) => {
    uploads.isConnected = isConnected = isOpen;
    service.connection(isOpen, problem);
    show();
  },
});

const sets = new Sets(jobs, {
  openId: () => openId,
  tuning: () => {
    const { speed, semitones } = stage.mixer?.song.tuning ?? recallRehearsal(openId);
    return { semitones, speed };
  },
  users: () => users,
  openSong: openFromSet,
  showLink: () => showLink(stage.mixer?.fragment ?? writeLink({ song: openId })),
});

const actions = {
  step: (direction) => sets.step(direction),
  nextTitle: () => sets.nextTitle,
  tuned: () => sets.show(),
  users: () => users,
  open: (item) => {
    if (!jobs.get(item.id)) return;
    open(item.id);
    showNow();
    scrollTo(0, 0);
  },
  remove: (item) => (item.file ? uploads.remove(item) : remove(item)),
  cancel: (job) => remove(job),
  sooner,
  retry: (item) => (item.file ? uploads.retryItem(item) : retry(item)),
  canRetry: (item) => (item.state === "cancelled" || mayHelpToRetry(item.error)) && (Boolean(item.file) || uploads.canRetry(item.id)),
  /** For a song whose model could not be fetched, how to separate it with the one that is there, `{ words, separate }`; or null. */
  instead: (job) => (options.toDownload(job.model) && uploads.canRetry(job.id) ? { words: `With ${options.engine.replaces ? "the small model" : options.engine.model}`, separate: () => retry(job, { ...options.fields, model: options.engine.model }) } : null),
  choose: () => document.getElementById("chooser").click(),
  loadOlder: () => jobs.loadOlder(),
  show,
  select: (job, isRange) => {
    library.select(job.id, library.arrange(jobs.list()), isRange);
    showNow();
  },
};

const queue = new Queue(actions);
const library = new Library();
const tools = new LibraryTools(library, { onChange: showNow, removeAll });
export const stage = new Stage(actions);

/** Opens a song as its user left it; Back returns to the one before. */
function open(id) {
  drawer.hidePopover();
  if (id === openId) return;
  if (stage.mixer?.job.id === openId) showLink(stage.mixer.fragment);
  place(id, openId !== null);
}

/** Opens a song in the key and at the speed that it has in its set; it plays if the one before did. */
function openFromSet({ id, semitones, speed }) {
  const goesOn = stage.mixer?.isPlaying && id !== openId;
  if (stage.mixer?.job.id === id) stage.mixer.rehearsal.tune({ semitones, speed });
  else changeKept(id, { semitones, speed });
  open(id);
  showNow();
  if (goesOn && jobs.get(id)?.state === "done") stage.mixer.toggle();
}

/** Opens the newest finished song, at the start or in place of one that is gone. */
function openNext() {
  const list = jobs.list();
  place((list.find((job) => job.state === "done") ?? list[0])?.id ?? null, false);
}

function place(id, isNew) {
  openId = id;
  saved = recall(id);
  showLink(writeLink({ song: id, time: saved.time, loop: saved.loop }), isNew);
  show();
}

/** Opens the song of the address bar, or else the newest finished one. */
function openShown() {
  const link = shownLink();
  sets.open(link.set);
  if (!link.song) {
    openNext();
    return;
  }
  const hasMix = link.loop !== null || Object.keys(link.strips).length > 0;
  if (hasMix && !link.isOwn) remember(link.song, location.hash);
  openId = link.song;
  // The latest mix and place count, not those of an older entry of the history; but a link from elsewhere leads to its place.
  saved = { ...link, ...recall(openId), ...(link.time && !link.isOwn ? { time: link.time } : {}) };
  show();
}

/** Cancels a song in line, or removes one that has ended. Resolves with the cancelled job; null if it is removed; undefined if that failed. */
async function remove(job) {
  // An event of it may come before the reply.
  removing.add(job.id);
  try {
    const cancelled = await backend.remove(job.id).catch((error) => {
      if (error.status !== 404) throw error;
    });
    if (cancelled) return cancelled;
    jobs.remove(job.id);
    return null;
  } catch (error) {
    return say(failureWords(error));
  } finally {
    removing.delete(job.id);
  }
}

/** Moves a waiting song before the one that would run before it. */
async function sooner(job) {
  const line = jobs.list().filter(({ state }) => state === "queued").sort((a, b) => a.queue_position - b.queue_position);
  const next = line[line.findIndex(({ id }) => id === job.id) - 1];
  if (!next) return;
  try {
    const moved = await backend.move(job.id, next.id);
    announce(`${title(job.name)}: ${stateWords(moved)}`);
  } catch (error) {
    say(failureWords(error));
  }
}

/** Removes songs, a few at a time; those in line are cancelled before. Resolves with the number of removed ones. */
async function removeAll(list) {
  const left = [...list];
  let count = 0;
  const worker = async () => {
    // The last in line first, so that none of them begins to run.
    while (left.length) {
      let job = left.pop();
      while (job) job = await remove(job);
      if (job === null) count += 1;
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, worker));
  return count;
}

/** Uploads songs, and stores files of models if the back end takes them. */
async function addFiles(files) {
  const isModel = ({ name }) => options.modelEndings.some((ending) => name.toLowerCase().endsWith(ending));
  // Uploads are seen in the list.
  if (drawerButton.checkVisibility()) drawer.showPopover();
  uploads.add(files.filter((file) => !isModel(file)), options.fields);
  for (const file of files.filter(isModel)) {
    if (await changeModels(() => backend.addModel(file))) options.select(file.name);
  }
}

async function changeModels(change) {
  try {
    await change();
    await service.refresh();
    return true;
  } catch (error) {
    say(failureWords(error));
    options.say(failureWords(error));
    return false;
  }
}

function retry(job, others) {
  uploads.retry(job.id, others);
  remove(job);
}

/** Announces quarters of the progress and ends of jobs to screen readers. */
function announceChange(job, before) {
  const name = title(job.name);
  // A model may have been fetched for it.
  if (job.state === "done" && job.model === options.engine?.replaces) service.refresh();
  if (job.state === "done" && before.state !== "done") announce(`${name} is done`);
  else if (job.state === "failed" && before.state !== "failed") announce(`${name} failed. ${problemWords(job.error, job.name)}`);
  else if (job.state === "running" && quarters(job.fraction) > quarters(before.fraction)) announce(`${name}, ${quarterWords[quarters(job.fraction)]}`);
}

/** A job as far as it is known: without a connection, nothing is known of its progress. */
const known = (job) => (isConnected || job.state !== "running" ? job : { ...job, activity: "No connection", seconds_left: null });

function showNow() {
  const list = jobs.list().map(known);
  const shown = library.arrange(list);
  tools.show(shown, list.length, jobs.hasOlder);
  if (library.needsAll && jobs.hasOlder) jobs.loadOlder();
  const job = jobs.get(openId);
  if (job) stage.show(known(job), saved);
  else if (jobs.isMissing(openId)) stage.showGone(gone?.id === openId ? gone : null, keepSeconds);
  else if (openId) jobs.find(openId);
  else if (jobs.isLoaded) stage.showEmpty();
  const canRepeat = job?.state === "done" && job.model === options.engine?.model && uploads.canRetry(openId);
  options.offerBetter(canRepeat && ((model) => uploads.retry(openId, { ...options.fields, model })));
  sets.show();
  queue.show({ uploads: [...uploads.items].reverse(), jobs: shown, openId, hasOlder: jobs.hasOlder, isFiltered: library.text !== "", selected: library.selected });
  const running = list.find(({ state }) => state === "running");
  keepAwake("a song is separated", backend.worksHere && running !== undefined);
  document.title = running ? `${Math.floor(running.fraction * 100)} % · ${title(running.name)}` : job ? `${title(job.name)} · swift-demucs` : "swift-demucs";
}

/** Back, Forward, or a link that was pasted into the address bar. */
addEventListener("popstate", () => {
  // The link to the stage names no song.
  if (!shownLink().song && stage.mixer) {
    showLink(stage.mixer.fragment);
    return;
  }
  stage.reset();
  openShown();
});

// Songs that are not sent are lost with the page, also those that can be sent again.
const isUnsent = ({ state, error }) => isWaiting(state) || (state === "failed" && mayHelpToRetry(error));
addEventListener("beforeunload", (event) => uploads.items.some(isUnsent) && event.preventDefault());
document.getElementById("options").addEventListener("change", show);
exampleButton.addEventListener("click", () => {
  backend.example("demo_track.ogg").then((song) => addFiles([new File([song], exampleName, { type: song.type })]), (error) => say(failureWords(error)));
});

const help = document.getElementById("help-dialog");
document.getElementById("help").addEventListener("click", () => help.showModal());
document.addEventListener("click", (event) => {
  // A click outside a menu or a dialog closes it.
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  if (event.target === help) help.close();
});
acceptFiles(addFiles);
listen(() => stage.mixer, () => help.showModal(), (direction, isHeld) => sets.step(direction, isHeld));
show();
jobs.start();
