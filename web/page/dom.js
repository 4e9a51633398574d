// The page's elements, made without markup in strings, so that text can never become HTML; the stems' colours; and files that are
// dropped, chosen or pasted.

import { residualName } from "./sound/mix.js";
import { oneLine } from "./words.js";

/** An element: properties by name, `aria-*`, `data-*` and `role` as attributes, `on…` as listeners. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.includes("-") || key === "role" || key === "for") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An icon of index.html in the colour of the surrounding text. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#icon-${name}`);
  picture.append(use);
  return picture;
}

/** Changes an icon without replacing its element. */
export function setIcon(node, name) {
  const use = node.querySelector("use");
  if (use.getAttribute("href") !== `#icon-${name}`) use.setAttribute("href", `#icon-${name}`);
}

/** A button with an icon; the label is read by screen readers and shown as a tooltip. */
export function iconButton(name, label, onclick, properties = {}) {
  return element("button", { type: "button", className: "quiet", "aria-label": label, title: label, onclick, ...properties }, icon(name));
}

/** A button with words in the shape of a chip, as rows of choices have them. */
export function chipButton(words, onclick, properties = {}, ...children) {
  return element("button", { type: "button", className: "chip-button", textContent: words, onclick, ...properties }, ...children);
}

/** Changes the label of an icon button. */
export function relabel(button, label) {
  if (button.getAttribute("aria-label") === label) return;
  button.setAttribute("aria-label", label);
  button.title = label;
}

/** Sets text only if it differs, to avoid needless announcements by screen readers and layouts. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Adds children or removes the last ones until there are `count`; those that stay keep the focus. `make(index)` makes one. */
export function fill(parent, count, make) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) parent.append(make(parent.children.length));
}

/** Announces a sentence to screen readers without moving the focus. */
export function announce(sentence) {
  document.getElementById("announcer").textContent = sentence;
}

const shownMilliseconds = 8000;
let shown = null;

/** Shows and announces a sentence for a while; an empty one takes it away. */
export function say(sentence) {
  setText(document.getElementById("said"), sentence);
  if (sentence) announce(sentence);
  clearTimeout(shown);
  shown = setTimeout(() => setText(document.getElementById("said"), ""), shownMilliseconds);
}

/**
 * Asks for a name in a dialog. Resolves with it, with "" for a press on *Remove*, or with null if the dialog was closed; `most` is its
 * length in UTF-16 units. The name of a file has no slashes.
 */
export function askForName(heading, name, { most, canRemove = false, isFile = false }) {
  const [pattern, title] = isFile ? ["[^\\/\\\\]*[^\\s\\/\\\\][^\\/\\\\]*", "A name without / and \\"] : [".*\\S.*", "A name"];
  const field = element("input", { value: name, maxLength: most, required: true, pattern, title, autocomplete: "off", "aria-label": heading });
  const dialog = element("dialog", { "aria-label": heading }, element("form", { method: "dialog" },
    element("h2", { textContent: heading }), field,
    element("div", { className: "choices" },
      element("button", { className: "primary", value: "keep", textContent: "Save" }),
      canRemove ? element("button", { className: "plain", value: "remove", textContent: "Remove", formNoValidate: true }) : null,
      element("button", { type: "button", className: "plain", textContent: "Cancel", onclick: () => dialog.close() }))));
  // A dialog outside an open drawer would close it.
  (document.querySelector("[popover]:popover-open") ?? document.body).append(dialog);
  dialog.showModal();
  field.select();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      dialog.remove();
      resolve({ keep: oneLine(field.value) || null, remove: "" }[dialog.returnValue] ?? null);
    };
  });
}

const heldMilliseconds = 600;

/** Calls `work` when a button is held by a finger, pressed by the second button of the mouse, or by F2 or Delete in its focus. */
export function onHold(button, work) {
  let timer = null;
  let isHeld = false;
  const end = () => clearTimeout(timer);
  const begin = (event) => {
    event.preventDefault();
    end();
    isHeld = true;
    work();
  };
  button.addEventListener("keydown", (event) => ["F2", "Delete", "Backspace"].includes(event.key) && begin(event));
  button.addEventListener("contextmenu", begin);
  // Safari tells of no context menu on an iPhone.
  button.addEventListener("pointerdown", (event) => {
    isHeld = false;
    if (event.pointerType === "touch") timer = setTimeout(begin, heldMilliseconds, event);
  });
  for (const type of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(type, end);
  // The click of a finger that leaves would take the focus from what `work` has opened.
  button.addEventListener("touchend", (event) => isHeld && event.preventDefault());
}

/** Lets the browser save what is at an address. */
export function saveLink(href, name) {
  element("a", { download: name, href }).click();
}

/** Saves a file that the page has. */
export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  saveLink(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

const hiddenMilliseconds = 500;

/**
 * A function that calls `work` once in the next animation frame, however often it is called before.
 * A hidden page has no frames; a timer stands in for them.
 */
export function oncePerFrame(work) {
  let timer = null;
  const run = () => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    work();
  };
  return () => {
    if (timer !== null) return;
    timer = setTimeout(run, hiddenMilliseconds);
    requestAnimationFrame(run);
  };
}

// The stems' colours, from Okabe and Ito's palette for colour-blind people. Nothing else on the
// page has a colour.

const known = {
  drums: "#009e73",
  bass: "#d55e00",
  other: "#cc79a7",
  vocals: "#56b4e9",
  guitar: "#e69f00",
  piano: "#0072b2",
};
const spare = Object.values(known);
/** What the stems leave out has no colour. */
const neutral = "#8a8a85";

/** The colour of a stem; a mix named by the user gets one by its position. */
export function colourOf(name, index) {
  if (name === residualName) return neutral;
  return known[name] ?? known[name.replace(/^(no|minus)_/, "")] ?? spare[index % spare.length];
}

/** `onFiles(files)` gets the added files. */
export function acceptFiles(onFiles) {
  const chooser = document.getElementById("chooser");
  for (const button of document.querySelectorAll("#choose, #choose-first, #add")) button.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    onFiles([...chooser.files]);
    // So that the same file can be chosen again.
    chooser.value = "";
  });

  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (isOver) => document.body.classList.toggle("dragging", isOver);
  document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    over(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth -= 1;
    if (depth <= 0) over(false);
  });
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    onFiles([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) onFiles([...event.clipboardData.files]);
  });
}
