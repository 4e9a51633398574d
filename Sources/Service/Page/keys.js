// Keyboard shortcuts. Elements keep the keys that they need themselves: Space presses a button,
// arrows move a slider or a choice.

const moveSeconds = 5;

/** `mixer()` is the mixer on stage or null; `help()` shows the keys. */
export function listen(mixer, help) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target.matches("input:not([type=range]), select, textarea")) return;
    if (event.key === "?") {
      help();
      return;
    }
    const desk = mixer();
    if (!desk) return;
    const isSlider = target.matches("input[type=range]:not(.position)");
    const digit = /^(?:Digit|Numpad)([1-6])$/.exec(event.code)?.[1];
    const lane = desk.lanes.findIndex(({ root }) => root.contains(target));
    const actions = {
      " ": () => target.closest("button, summary, a") === null && desk.toggle(),
      ArrowLeft: () => !isSlider && desk.move(-moveSeconds),
      ArrowRight: () => !isSlider && desk.move(moveSeconds),
      ArrowUp: () => !isSlider && lane >= 0 && desk.changeVolume(lane, 1),
      ArrowDown: () => !isSlider && lane >= 0 && desk.changeVolume(lane, -1),
      Home: () => !isSlider && desk.seek(0),
      End: () => !isSlider && desk.seek(desk.timeline.duration),
      l: () => desk.stepLoop(),
      L: () => desk.stepLoop(),
      "+": () => desk.zoom(2),
      "-": () => desk.zoom(1 / 2),
    };
    const action = digit ? () => desk.toggleStrip(Number(digit) - 1, event.shiftKey ? "isSolo" : "isMuted") : actions[event.key];
    if (action && action() !== false) event.preventDefault();
  });
}
