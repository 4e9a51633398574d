// The list of songs: uploads, then the jobs, of which only those in view have elements.

import { backend } from "./backend.js";
import { element, icon, iconButton, oncePerFrame, relabel, setIcon, setText } from "./dom.js";
import { title } from "./format.js";
import { isWaiting, problemWords, stateWords } from "./words.js";

const armedSeconds = 4;
/** Rows above and below the visible ones, so that scrolling and the Tab key find them. */
const rowsAround = 12;
/** Rows before the end of the loaded jobs at which older ones are loaded. */
const rowsAhead = 40;

/** A song of the list; its element is kept while the song is in view, which keeps focus and layout. */
class Row {
  #armed = null;
  #shown = [];

  constructor(actions) {
    this.mark = element("span", { className: "mark" }, icon("queued"));
    this.nameNode = element("span", { className: "name" });
    this.words = element("span", { className: "words" });
    this.percent = element("span", { className: "percent" });
    this.fill = element("span", { className: "fill" });
    this.bar = element("span", { className: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, this.fill);
    this.pick = element("input", { type: "checkbox", className: "pick", onclick: (event) => actions.select(this.item, event.shiftKey) });
    this.open = element("button", { type: "button", className: "open", onclick: (event) => (this.isSelecting ? actions.select(this.item, event.shiftKey) : actions.open(this.item)) }, this.mark, this.nameNode, this.percent, this.words);
    this.sooner = iconButton("up", "Separate sooner", () => actions.sooner(this.item));
    this.retry = iconButton("retry", "Try again", () => actions.retry(this.item));
    this.remove = iconButton("close", "Cancel", () => this.#remove(actions));
    this.root = element("li", {}, this.pick, this.open, this.sooner, this.retry, this.remove, this.bar);
  }

  /** Removes the song; a finished one only at the second press. */
  #remove(actions) {
    if (this.item.state !== "done" || this.#armed) {
      this.#disarm();
      actions.remove(this.item);
      return;
    }
    this.#armed = setTimeout(() => this.#disarm(), armedSeconds * 1000);
    this.update(this.item, this);
  }

  #disarm() {
    clearTimeout(this.#armed);
    this.#armed = null;
    this.update(this.item, this);
  }

  /** `isSelected` is null unless songs are being selected. */
  update(item, { isOpen, canRetry, isSelected }) {
    Object.assign(this, { item, isOpen, canRetry, isSelected, isSelecting: isSelected !== null });
    // A job is replaced when it changes, an upload is not.
    const shown = [item, item.state, item.fraction, item.words, isOpen, canRetry, isSelected, this.#armed];
    if (shown.every((value, index) => value === this.#shown[index])) return;
    this.#shown = shown;
    const { state } = item;
    const name = title(item.name);
    this.root.dataset.state = state;
    this.root.dataset.id = item.id;
    setIcon(this.mark, { waiting: "queued", delayed: "queued", decoding: "upload", uploading: "upload", queued: "queued", running: "running", done: "done", failed: "failed", cancelled: "cancelled" }[state] ?? "queued");
    setText(this.nameNode, name);
    this.pick.hidden = !this.isSelecting;
    this.pick.checked = isSelected === true;
    this.pick.setAttribute("aria-label", `Select ${name}`);
    this.root.classList.toggle("selecting", this.isSelecting);
    this.nameNode.title = item.name;
    const isArmed = this.#armed !== null;
    setText(this.words, isArmed ? "Press again to delete" : uploadWords(item) ?? stateWords(item));
    this.words.title = state === "failed" ? this.words.textContent : "";
    const isMoving = (state === "uploading" && backend.words.adding === null) || state === "running";
    const percent = Math.floor(item.fraction * 100);
    setText(this.percent, isMoving ? `${percent} %` : "");
    this.bar.hidden = !isMoving;
    this.bar.setAttribute("aria-valuenow", percent);
    this.bar.setAttribute("aria-label", `${name}, ${state === "running" ? "separating" : "uploading"}`);
    this.fill.style.transform = `scaleX(${item.fraction})`;
    if (isOpen) this.open.setAttribute("aria-current", "true");
    else this.open.removeAttribute("aria-current");
    this.remove.hidden = this.isSelecting;
    this.sooner.hidden = this.isSelecting || !(item.queue_position > 1);
    this.retry.hidden = this.isSelecting || !((state === "failed" || state === "cancelled") && canRetry);
    relabel(this.sooner, `Separate ${name} sooner`);
    relabel(this.retry, `Try ${name} again`);
    relabel(this.remove, isWaiting(state) ? `Cancel ${name}` : isArmed ? `Press again to delete ${name}` : state === "done" ? `Delete ${name}` : `Remove ${name}`);
    setIcon(this.remove, state === "done" ? "delete" : "close");
    this.remove.classList.toggle("armed", isArmed);
  }
}

function uploadWords(item) {
  if (item.state === "waiting") return backend.words.waiting;
  if (item.state === "decoding") return "Converting to WAV in the browser";
  if (item.state === "uploading" && backend.words.adding) return backend.words.adding;
  if (item.state === "uploading") return item.fraction < 1 ? "Uploading" : "Almost there";
  if (item.state === "delayed") return item.words;
  if (item.state === "failed" && item.file) return problemWords(item.error, item.name);
  return null;
}

export class Queue {
  #region = document.getElementById("queue-region");
  #scroller = document.getElementById("queue");
  #uploads = document.getElementById("uploads");
  #jobs = document.getElementById("jobs");
  #older = document.getElementById("older");
  #rows = new Map();
  #songs = { uploads: [], jobs: [], openId: null, hasOlder: false, isFiltered: false, selected: null };
  /** The job at the upper edge of the list and its index: it stays there when songs are added above. */
  #top = null;

  /** `open`, `sooner`, `retry`, `remove` and `select` are called with the item: an upload or a job; `canRetry(item)`; `loadOlder()`. */
  constructor(actions) {
    this.actions = actions;
    const draw = oncePerFrame(() => this.#draw());
    this.#scroller.addEventListener("scroll", draw, { passive: true });
    new ResizeObserver(draw).observe(this.#scroller);
  }

  /** Shows the songs in this order; `openId` is the open one; `hasOlder` says that the service has more jobs; `selected` are ids, or null. */
  show(songs) {
    this.#songs = songs;
    this.#draw();
  }

  #draw() {
    const { uploads, jobs, hasOlder, isFiltered } = this.#songs;
    this.#region.hidden = uploads.length + jobs.length === 0 && !isFiltered;
    this.#older.hidden = !hasOlder;
    this.#jobs.style.height = `calc(${jobs.length} * var(--row))`;
    this.#holdPlace();
    const [first, end] = this.#range();
    const indices = Array.from({ length: end - first }, (_, index) => first + index);
    // The row with the focus keeps it out of view.
    const focused = document.activeElement?.closest("#jobs li")?.dataset.id;
    const at = focused ? jobs.findIndex(({ id }) => id === focused) : -1;
    if (at >= 0 && at < first) indices.unshift(at);
    else if (at >= end) indices.push(at);
    this.#leave(new Set([...uploads, ...indices.map((index) => jobs[index])].map(({ id }) => id)));
    uploads.forEach((item, place) => this.#place(item, this.#uploads, place));
    indices.forEach((index, place) => {
      const { root } = this.#place(jobs[index], this.#jobs, place);
      root.style.top = `calc(${index} * var(--row))`;
      root.setAttribute("aria-posinset", index + 1);
      root.setAttribute("aria-setsize", hasOlder ? -1 : jobs.length);
    });
    if (hasOlder && end > jobs.length - rowsAhead) this.actions.loadOlder();
  }

  /** The jobs in view and some around them: first and end. */
  #range() {
    const count = this.#songs.jobs.length;
    const rowPixels = this.#rowPixels;
    const perScreen = rowPixels > 0 ? Math.ceil(this.#scroller.clientHeight / rowPixels) : 0;
    const above = rowPixels > 0 ? Math.floor((this.#scroller.scrollTop - this.#jobs.offsetTop) / rowPixels) : 0;
    const first = Math.min(Math.max(0, above - rowsAround), Math.max(0, count - perScreen - rowsAround));
    const end = Math.min(count, Math.max(0, above) + perScreen + rowsAround);
    this.#top = above > 0 && above < count ? { id: this.#songs.jobs[above].id, index: above } : null;
    return [first, end];
  }

  /** The height of a row; 0 without jobs or without a layout. */
  get #rowPixels() {
    return this.#jobs.offsetHeight / Math.max(1, this.#songs.jobs.length);
  }

  /** Scrolls by the rows that were added or removed above the view. */
  #holdPlace() {
    const { jobs } = this.#songs;
    if (!this.#top || jobs[this.#top.index]?.id === this.#top.id) return;
    const index = jobs.findIndex(({ id }) => id === this.#top.id);
    if (index >= 0) this.#scroller.scrollTop += (index - this.#top.index) * this.#rowPixels;
  }

  #place(item, list, place) {
    let row = this.#rows.get(item.id);
    if (!row) {
      row = new Row(this.actions);
      this.#rows.set(item.id, row);
    }
    const { openId, selected } = this.#songs;
    // Files that are not uploaded yet are no songs.
    row.update(item, { isOpen: item.id === openId, canRetry: this.actions.canRetry(item), isSelected: selected && !item.file ? selected.has(item.id) : null });
    if (list.children[place] !== row.root) list.insertBefore(row.root, list.children[place] ?? null);
    return row;
  }

  /** Removes the other rows; the focus of a removed one moves to its neighbour. */
  #leave(wanted) {
    for (const [id, { root }] of this.#rows) {
      if (wanted.has(id)) continue;
      if (root.contains(document.activeElement)) {
        const next = root.nextElementSibling ?? root.previousElementSibling;
        (next?.querySelector("button.open") ?? [...document.querySelectorAll("#choose, #choose-first")].find(({ offsetParent }) => offsetParent))?.focus();
      }
      root.remove();
      this.#rows.delete(id);
    }
  }
}
