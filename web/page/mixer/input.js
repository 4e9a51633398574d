// Keys, and mouse, pen and touch on the stems.

// Keyboard shortcuts. Elements keep the keys that they need themselves: Space presses a button that
// was reached by the keyboard, arrows move a slider or a choice.

const moveSeconds = 5;

/** `mixer()` is the mixer on stage or null; `help()` shows the keys; `step(direction, isHeld)` opens another song of the open set, and returns whether one is open. */
export function listen(mixer, help, step) {
  /** The element that a click has left the focus on: Space plays, and does not press it again. */
  let clicked = null;
  let isPointer = false;
  let isTaken = false;
  document.addEventListener("pointerdown", (event) => {
    isPointer = true;
    clicked = event.target.closest("button, summary, a, label, input, select");
    clicked = clicked?.control ?? clicked;
  }, { capture: true });
  document.addEventListener("focusin", (event) => {
    clicked = isPointer ? event.target : null;
  });
  // Firefox presses a button when Space is released.
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && isTaken) event.preventDefault();
    isTaken = false;
  });
  document.addEventListener("keydown", (event) => {
    isPointer = false;
    // Many layouts have signs at Alt or AltGraph, which some systems tell as Ctrl with Alt; letters with them are the browser's.
    const isThird = event.altKey || event.getModifierState("AltGraph");
    const isSign = /^[^\p{L}\p{N}\s]$/u.test(event.key);
    if (event.metaKey || (isThird ? !isSign : event.ctrlKey) || document.querySelector("dialog[open]")) return;
    const target = event.target;
    // What is typed stays in its field; a box or a list that a click has left the focus on takes no keys.
    if (target.matches("input:not([type=range], [type=checkbox]), textarea") || (target.matches("select") && target !== clicked)) return;
    if (event.key === "?") {
      help();
      return;
    }
    const isSlider = target.matches("input[type=range]:not(.position), .loop-handle");
    // With Caps Lock, letters are capitals without Shift.
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // Pedals for the feet send PageDown and PageUp.
    const direction = isSlider ? undefined : { n: event.shiftKey ? -1 : 1, PageDown: 1, PageUp: -1 }[key];
    if (direction && step(direction, event.repeat)) return event.preventDefault();
    const desk = mixer();
    if (!desk) return;
    const digit = isThird ? null : /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
    const strip = desk.stripViews.findIndex(({ root }) => root.contains(target));
    const actions = {
      " ": () => {
        if (target !== clicked && target.closest("button, summary, a, input[type=checkbox]")) return false;
        isTaken = true;
        if (!event.repeat) desk.toggle();
      },
      ArrowLeft: () => !isSlider && desk.move(-moveSeconds),
      ArrowRight: () => !isSlider && desk.move(moveSeconds),
      ArrowUp: () => !isSlider && strip >= 0 && desk.changeVolume(strip, 1),
      ArrowDown: () => !isSlider && strip >= 0 && desk.changeVolume(strip, -1),
      Home: () => !isSlider && desk.seek(0),
      End: () => !isSlider && desk.seek(desk.timeline.duration),
      l: () => desk.stepLoop(),
      "[": () => desk.setLoopEdge(0),
      "]": () => desk.setLoopEdge(1),
      o: () => desk.compare(),
      "<": () => desk.rehearsal.changeSpeed(-1),
      ">": () => desk.rehearsal.changeSpeed(1),
      ",": () => desk.rehearsal.changePitch(-1),
      ".": () => desk.rehearsal.changePitch(1),
      c: () => desk.rehearsal.toggleClick(),
      t: () => desk.rehearsal.tap(),
      "+": () => desk.zoom(2),
      "-": () => desk.zoom(1 / 2),
    };
    const action = digit ? () => desk.toggleStrip(Number(digit) - 1, event.shiftKey ? "isSolo" : "isMuted") : actions[key];
    if (action && action() !== false) event.preventDefault();
  });
}

// Mouse, pen and touch on the stems: a click seeks, a drag selects a loop, Ctrl with the wheel or
// two fingers zoom, one finger scrolls a zoomed song or selects a loop: on the ruler, and on the waveform of the mix.

const dragPixels = 6;
/** How far a finger has gone up or down, which is to scroll the page. */
const risen = ({ pointerType, clientY }, { y }) => (pointerType === "touch" ? Math.abs(clientY - y) : 0);

export class Pointer {
  #active = new Map();
  #isDrag = false;
  #spread = 0;

  /** `selector` matches the surfaces inside `root`; positions are shares of a surface's width. */
  constructor(root, selector, actions) {
    this.actions = actions;
    const on = (type, handler, options) => root.addEventListener(type, (event) => {
      const surface = event.target.closest?.(selector);
      if (surface) handler(event, surface.getBoundingClientRect(), surface);
      else if (type === "pointermove") actions.hover(null);
    }, options);
    on("pointerdown", (event, box, surface) => this.#down(event, box, surface));
    on("pointermove", (event, box) => this.#move(event, box));
    on("pointerup", (event, box) => this.#up(event, box));
    on("pointercancel", (event) => this.#active.delete(event.pointerId));
    root.addEventListener("pointerleave", () => actions.hover(null));
    on("wheel", (event, box) => this.#wheel(event, box), { passive: false });
  }

  #share(event, box) {
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  }

  #down(event, box, surface) {
    if (event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    const loops = surface.matches(this.actions.isZoomed() ? ".ruler" : ".ruler, .whole");
    const scrolls = event.pointerType === "touch" && !loops;
    this.#active.set(event.pointerId, { from: event.clientX, y: event.clientY, x: event.clientX, share: this.#share(event, box), scrolls });
    this.#isDrag = this.#active.size > 1;
    this.#spread = this.#distance();
  }

  #move(event, box) {
    const finger = this.#active.get(event.pointerId);
    if (event.pointerType !== "touch") this.actions.hover(this.#share(event, box));
    if (!finger) return;
    const moved = event.clientX - finger.x;
    finger.x = event.clientX;
    if (Math.abs(event.clientX - finger.from) > Math.max(dragPixels, risen(event, finger))) this.#isDrag = true;
    if (this.#active.size === 2) {
      const spread = this.#distance();
      const middle = [...this.#active.values()].reduce((sum, { x }) => sum + x, 0) / 2;
      if (spread > 20 && this.#spread > 20) this.actions.zoom(spread / this.#spread, (middle - box.left) / box.width);
      this.#spread = spread;
    } else if (this.#isDrag && finger.scrolls) {
      this.actions.scroll(-moved / box.width);
    } else if (this.#isDrag) {
      this.actions.select(finger.share, this.#share(event, box));
    }
  }

  #up(event, box) {
    const finger = this.#active.get(event.pointerId);
    this.#active.delete(event.pointerId);
    if (!finger) return;
    if (this.#isDrag) {
      if (!finger.scrolls) this.actions.selected();
    } else if (risen(event, finger) > dragPixels) {
      return;
    } else if (event.shiftKey) {
      this.actions.extend(this.#share(event, box));
    } else {
      this.actions.seek(this.#share(event, box));
    }
  }

  #wheel(event, box) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.actions.zoom(Math.exp(-event.deltaY / 300), this.#share(event, box));
    } else if (event.deltaX || event.shiftKey) {
      event.preventDefault();
      this.actions.scroll((event.deltaX || event.deltaY) / box.width);
    }
  }

  #distance() {
    const [a, b] = [...this.#active.values()];
    return b ? Math.abs(a.x - b.x) : 0;
  }
}
