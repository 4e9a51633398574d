// Runs in each tab before the scripts of the page. The time of its sound stands still until a test moves it, so
// that a test knows each sample that sounds: an offline audio context takes the place of the real one.

(() => {
  /** What the page's content security policy has blocked. */
  window.violations = [];
  addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  if (location.pathname.startsWith("/explain/")) return;

  /** The page looks after its sound so often. */
  const tickSeconds = 0.2;
  const real = { AudioContext, setInterval, clearInterval, sound: null };
  const now = performance.now.bind(performance);
  const ticks = new Set();

  /** The context that was opened last. */
  window.sound = null;

  class StillContext extends OfflineAudioContext {
    #isRendering = false;

    /** The sound ends after so many seconds, which the page doesn't give. */
    constructor({ sampleRate, seconds = 60 }) {
      super({ numberOfChannels: 2, length: Math.round(seconds * sampleRate), sampleRate });
      this.began = performance.now();
      window.sound = this;
    }

    // The page resumes its context at each click.
    async resume() {}

    async close() {}

    /** Moves the time by so many seconds and at most a block of 128 frames, with what the page's timers do. */
    async advance(seconds) {
      const end = this.currentTime + seconds;
      while (this.currentTime < end) {
        const reached = this.suspend(Math.min(end, this.currentTime + tickSeconds));
        if (this.#isRendering) super.resume();
        else this.startRendering();
        this.#isRendering = true;
        await reached;
        for (const tick of [...ticks]) tick();
      }
    }
  }

  window.AudioContext = StillContext;
  window.setInterval = (tick) => {
    ticks.add(tick);
    return tick;
  };
  window.clearInterval = (tick) => ticks.delete(tick);
  // Meters fall, and late sound is noticed, by the time of the sound.
  performance.now = () => (window.sound ? window.sound.began + window.sound.currentTime * 1000 : now());

  /** Gives the page real sound, before it is first played. */
  window.playForReal = () => {
    Object.assign(window, real);
  };

  // Four stems; other tests are about the original.
  if (location.protocol === "http:" && localStorage.length === 0) localStorage.setItem("options", JSON.stringify({ residual: "" }));

  /** The delays of all timers that the page has set, in milliseconds. */
  window.delays = [];
  /** Timers that take back a question or a note, which stays until a test has seen it. */
  const [questionDelay, noteDelay] = [4000, 8000];
  const { setTimeout } = window;
  window.setTimeout = (work, delay = 0, ...rest) => {
    delays.push(delay);
    return delay === questionDelay || delay === noteDelay ? -delay : setTimeout(work, delay, ...rest);
  };
})();
