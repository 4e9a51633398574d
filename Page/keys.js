// Keyboard shortcuts. Elements keep the keys that they need themselves: Space presses a button that
// was reached by the keyboard, arrows move a slider or a choice.

const moveSeconds = 5;

/** `mixer()` is the mixer on stage or null; `help()` shows the keys. */
export function listen(mixer, help) {
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
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    // What is typed stays in its field; a box or a list that a click has left the focus on takes no keys.
    if (target.matches("input:not([type=range], [type=checkbox]), textarea") || (target.matches("select") && target !== clicked)) return;
    if (event.key === "?") {
      help();
      return;
    }
    const desk = mixer();
    if (!desk) return;
    const isSlider = target.matches("input[type=range]:not(.position), .loop-handle");
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
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
    const action = digit ? () => desk.toggleStrip(Number(digit) - 1, event.shiftKey ? "isSolo" : "isMuted") : actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action && action() !== false) event.preventDefault();
  });
}
