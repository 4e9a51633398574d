// The list of songs: uploads, then the jobs.

import { backend } from "../backend.js";
import { element, icon, iconButton, oncePerFrame, relabel, setIcon, setText } from "../dom.js";
import { isWaiting, problemWords, stateWords, title } from "../words.js";

const armedSeconds = 4;
/** How far from its end the list is continued. */
const pixelsAhead = 2000;

/** A song of the list; its element is kept, and with it focus and layout. */
class Row {
  item; isOpen; canRetry; isSelected; isSelecting;
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
    this.remove.hidden = this.isSelecting || Boolean(item.isOthers);
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
  #shared = document.getElementById("shared");
  #older = document.getElementById("older");
  #rows = new Map();

  /** `open`, `sooner`, `retry`, `remove` and `select` are called with the item: an upload or a job; `canRetry(item)`; `loadOlder()`. */
  constructor(actions) {
    this.actions = actions;
    const load = oncePerFrame(() => this.#loadAhead());
    this.#scroller.addEventListener("scroll", load, { passive: true });
    new ResizeObserver(load).observe(this.#scroller);
  }

  /** Shows the songs in this order; `openId` is the open one; `hasOlder` says that the service has more jobs; `selected` are ids, or null. */
  show({ uploads, jobs, openId, hasOlder, isFiltered, selected }) {
    this.#region.hidden = uploads.length + jobs.length === 0 && !isFiltered;
    this.#older.hidden = !hasOlder;
    // Songs that are added above don't move what is read; Safari has no anchors for that.
    const { scrollTop } = this.#scroller;
    const held = scrollTop > 0 ? this.#jobs.children[Math.floor((scrollTop - this.#jobs.offsetTop) / this.#jobs.firstElementChild?.offsetHeight)] : null;
    const place = held?.offsetTop;
    this.#leave(new Set([...uploads, ...jobs].map(({ id }) => id)));
    const put = (list) => (item, index) => {
      const row = this.#rows.get(item.id) ?? new Row(this.actions);
      this.#rows.set(item.id, row);
      // Files that are not uploaded yet are no songs, and songs of others can't be deleted.
      row.update(item, { isOpen: item.id === openId, canRetry: this.actions.canRetry(item), isSelected: selected && !item.file && !item.isOthers ? selected.has(item.id) : null });
      if (list.children[index] !== row.root) list.insertBefore(row.root, list.children[index] ?? null);
    };
    uploads.forEach(put(this.#uploads));
    jobs.filter(({ isOthers }) => !isOthers).forEach(put(this.#jobs));
    jobs.filter(({ isOthers }) => isOthers).forEach(put(this.#shared));
    document.getElementById("shared-heading").hidden = !this.#shared.firstChild;
    if (held?.isConnected) this.#scroller.scrollTop = scrollTop + held.offsetTop - place;
    this.#loadAhead();
  }

  /** Loads older jobs when the end of the list comes near. */
  #loadAhead() {
    if (this.#older.hidden) return;
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    // A closed drawer has no height.
    if (clientHeight && scrollHeight - scrollTop - clientHeight < pixelsAhead) this.actions.loadOlder();
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
