// The list of songs: uploading, queued, running and done.

import { element, icon, iconButton, relabel, setIcon, setText } from "./dom.js";
import { title } from "./format.js";
import { isWaiting, problemWords, stateWords } from "./words.js";

const armedSeconds = 4;

/** A song of the list; its element is never replaced, which keeps focus and layout. */
class Row {
  #armed = null;

  constructor(actions) {
    this.mark = element("span", { className: "mark" }, icon("queued"));
    this.nameNode = element("span", { className: "name" });
    this.words = element("span", { className: "words" });
    this.percent = element("span", { className: "percent" });
    this.fill = element("span", { className: "fill" });
    this.bar = element("span", { className: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, this.fill);
    this.open = element("button", { type: "button", className: "open", onclick: () => actions.open(this.item) }, this.mark, this.nameNode, this.percent, this.words);
    this.retry = iconButton("retry", "Try again", () => actions.retry(this.item));
    this.remove = iconButton("close", "Cancel", () => this.#remove(actions));
    this.root = element("li", {}, this.open, this.retry, this.remove, this.bar);
  }

  /** Removes the song; a finished one only at the second press. */
  #remove(actions) {
    if (this.item.state !== "done" || this.#armed) {
      this.#disarm();
      actions.remove(this.item);
      return;
    }
    this.#armed = setTimeout(() => this.#disarm(), armedSeconds * 1000);
    this.update(this.item, this.isOpen);
  }

  #disarm() {
    clearTimeout(this.#armed);
    this.#armed = null;
    if (this.item) this.update(this.item, this.isOpen);
  }

  update(item, isOpen, canRetry = this.canRetry) {
    Object.assign(this, { item, isOpen, canRetry });
    const { state } = item;
    const name = title(item.name);
    this.root.dataset.state = state;
    this.root.dataset.id = item.id;
    setIcon(this.mark, { waiting: "queued", delayed: "queued", uploading: "upload", queued: "queued", running: "running", done: "done", failed: "failed", cancelled: "cancelled" }[state] ?? "queued");
    setText(this.nameNode, name);
    this.nameNode.title = item.name;
    const isArmed = this.#armed !== null;
    setText(this.words, isArmed ? "Press again to delete" : uploadWords(item) ?? stateWords(item));
    const isMoving = state === "uploading" || state === "running";
    const percent = Math.floor(item.fraction * 100);
    setText(this.percent, isMoving ? `${percent} %` : "");
    this.bar.hidden = !isMoving;
    this.bar.setAttribute("aria-valuenow", percent);
    this.bar.setAttribute("aria-label", `${name}, ${state === "running" ? "separating" : "uploading"}`);
    this.fill.style.transform = `scaleX(${item.fraction})`;
    if (isOpen) this.open.setAttribute("aria-current", "true");
    else this.open.removeAttribute("aria-current");
    this.retry.hidden = !((state === "failed" || state === "cancelled") && canRetry);
    relabel(this.retry, `Try ${name} again`);
    relabel(this.remove, isWaiting(state) || state === "delayed" ? `Cancel ${name}` : isArmed ? `Press again to delete ${name}` : state === "done" ? `Delete ${name}` : `Remove ${name}`);
    setIcon(this.remove, state === "done" ? "delete" : "close");
    this.remove.classList.toggle("armed", isArmed);
  }
}

function uploadWords(item) {
  if (item.state === "waiting") return "Waiting to upload";
  if (item.state === "uploading") return item.fraction < 1 ? "Uploading" : "Almost there";
  if (item.state === "delayed") return item.words;
  if (item.state === "failed" && item.file) return problemWords(item.error);
  return null;
}

export class Queue {
  #list = document.getElementById("queue");
  #rows = new Map();

  /** `open`, `retry` and `remove` are called with the item: an upload or a job. */
  constructor(actions) {
    this.actions = actions;
  }

  /** Shows the items in this order; `openId` is the open one. */
  show(items, openId, canRetry) {
    document.getElementById("queue-region").hidden = items.length === 0;
    const wanted = new Set(items.map((item) => item.id));
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      this.#leave(row);
      this.#rows.delete(id);
    }
    items.forEach((item, index) => {
      let row = this.#rows.get(item.id);
      if (!row) {
        row = new Row(this.actions);
        this.#rows.set(item.id, row);
      }
      row.update(item, item.id === openId, canRetry(item));
      if (this.#list.children[index] !== row.root) this.#list.insertBefore(row.root, this.#list.children[index] ?? null);
    });
  }

  /** Removes a row and moves its focus to the neighbour. */
  #leave(row) {
    if (row.root.contains(document.activeElement)) {
      const next = row.root.nextElementSibling ?? row.root.previousElementSibling;
      (next?.querySelector("button.open") ?? document.getElementById("choose")).focus();
    }
    row.root.remove();
  }
}
