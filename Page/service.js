// The back end's state (connected, starting, without a model), shown in the banner and the header.

import { backend } from "./backend.js";
import { announce, setText } from "./dom.js";
import { count } from "./format.js";
import { Problem } from "./problem.js";

const pollSeconds = 2;
/** Connection losses that are shorter, as when a laptop wakes, are not shown. */
const patienceSeconds = 1.2;

export class Service {
  #banner = document.getElementById("banner");
  #text = document.getElementById("banner-text");
  #command = document.getElementById("banner-command");
  #timer = null;
  #isOpen = null;

  /** `onModels(models)` gets the back end's models whenever they may have changed. */
  constructor(onModels) {
    this.onModels = onModels;
    document.getElementById("copy-command").addEventListener("click", () => {
      navigator.clipboard?.writeText(this.#command.querySelector("code").textContent);
      announce("Command copied");
    });
  }

  connection(isOpen, problem) {
    // Each attempt fails again; the delay counts from the first failure.
    if (!isOpen && !problem && this.#isOpen === false) return;
    clearTimeout(this.#timer);
    this.#isOpen = isOpen;
    if (isOpen) this.#check();
    else if (problem) this.#say(problem.heading ?? (problem.kind === "not-ready" ? "The service is starting." : "The service can't be used now."), problem.message);
    else this.#timer = setTimeout(() => this.#say("No connection to the service.", "Trying again. Queued songs are kept."), patienceSeconds * 1000);
  }

  /** Fetches the models again. */
  async refresh() {
    const models = await backend.models();
    this.onModels(models);
    this.#describe(models);
    return models;
  }

  async #check() {
    try {
      const models = await this.refresh();
      try {
        await backend.checkReady();
        this.#banner.hidden = true;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.kind === "no-model") this.#say("There is no model yet.", `${error.message} On the machine of the service, fetch it and start the service again:`, `swift-demucs models fetch ${models.engine.model ?? "htdemucs"}`);
        else this.#say(error.heading ?? (error.retryAfterSeconds ? "The service is getting ready." : "The service can't separate songs now."), error.message);
        if (error.retryAfterSeconds) this.#timer = setTimeout(() => this.#check(), pollSeconds * 1000);
      }
    } catch {
      // The event stream also notices a lost connection, and then starts this again.
      if (this.#isOpen) this.#timer = setTimeout(() => this.#check(), pollSeconds * 1000);
    }
  }

  #describe({ engine }) {
    const node = document.getElementById("engine");
    setText(node, [engine.model, engine.precision, count(engine.threads, "thread")].filter(Boolean).join(" · "));
    node.title = [engine.version && `swift-demucs ${engine.version}`, engine.instruction_set].filter(Boolean).join(", ");
  }

  #say(heading, sentence, command = null) {
    setText(this.#text.firstElementChild, heading);
    setText(this.#text.lastElementChild, sentence);
    this.#command.hidden = command === null;
    if (command) setText(this.#command.querySelector("code"), command);
    this.#banner.hidden = false;
  }
}
