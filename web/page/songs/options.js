// The back end's state (connected, starting, without a model), shown in the banner and the header, and the options of separations: the
// form under "Options", stored by the browser.

import { backend } from "../backend.js";
import { announce, element, iconButton, setText } from "../dom.js";
import { keep, kept } from "../kept.js";
import { bytes, count, Problem } from "../words.js";

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

const fieldNames = ["model", "precision", "two-stems", "shifts", "format", "residual"];

const precisionWords = {
  float32: "Exact (float32)",
  bfloat16: "Fast (bfloat16)",
  int8: "Fastest (int8)",
  auto: "Fast, sounds the same (auto)",
};
const formatWords = { wav: "WAV, plain", flac: "FLAC, smaller, no loss", mp3: "MP3, smallest" };

export class Options {
  #form = document.getElementById("options");
  #summary = document.getElementById("options-summary");
  #stored = document.getElementById("stored-models");
  #note = document.getElementById("options-note");
  #better = document.getElementById("replacement");
  /** Endings of the model files that the back end takes. */
  modelEndings = [];

  /** `actions`: `fetchModel(name, onProgress)` resolves with whether the model is there, `removeModel(name)` removes one that the browser has stored. */
  constructor(actions) {
    this.actions = actions;
    // The browser's own page is at web/ of a service that has it.
    this.#form.elements.where.addEventListener("change", () => location.assign(backend.otherPlace));
    this.#form.addEventListener("change", () => {
      // Also empty choices, of which not each is the first one.
      keep("options", Object.fromEntries(fieldNames.map((name) => [name, this.#form.elements[name].value])));
      this.#fillStems();
      this.#summarise();
    });
  }

  /** Fills the form with the service's choices (`GET /v1/models`). */
  offer({ engine, models, precisions, formats, has_web: hasWeb, model_endings: modelEndings = [] }) {
    this.modelEndings = modelEndings;
    document.getElementById("where").hidden = !hasWeb;
    this.#form.elements.where.value = backend.place;
    this.models = models.filter((model) => model.is_installed);
    this.engine = engine;
    const { model, precision, format } = this.#form.elements;
    const fill = (select, choices) => select.replaceChildren(...choices.map(([value, text]) => element("option", { value, textContent: text })));
    const words = (name) => (this.toDownload(name) ? `${name}, ${bytes(this.toDownload(name))} to download once` : name);
    fill(model, [["", engine.model ? words(engine.model) : "The service's own"], ...this.models.filter(({ name }) => name !== engine.model).map(({ name }) => [name, words(name)])]);
    fill(precision, [["", `${backend.words.automatic}${engine.precision ? ` (${engine.precision})` : ""}`], ...precisions.map((name) => [name, precisionWords[name] ?? name])]);
    fill(format, formats.map((name) => [name, formatWords[name] ?? name]));
    this.#restore();
    this.#summarise();
    this.#listStored();
    this.say("");
  }

  /** Selects a model for the next songs. */
  select(model) {
    this.#form.elements.model.value = model;
    this.#form.dispatchEvent(new Event("change"));
  }

  /** Shows a sentence under the options. */
  say(sentence) {
    setText(this.#note, sentence);
    if (sentence) this.#form.parentElement.open = true;
  }

  /** Says that a small model runs in place of a better one, and offers to fetch that; `repeat(model)` separates the open song again. */
  offerBetter(repeat) {
    const name = this.fields.model ? null : this.engine?.replaces;
    const [words, button, bar] = this.#better.children;
    if (!bar.hidden) return;
    this.#better.hidden = !name;
    const size = this.toDownload(name);
    setText(words, `A small model separates your songs. ${name} gives cleaner stems: ${size ? `${bytes(size)}, fetched once.` : `on the machine of the service, run “swift-demucs models fetch ${name}” and start it again.`}`);
    button.hidden = !size;
    setText(button, repeat ? `Separate again with ${name}` : `Use ${name}`);
    button.onclick = async () => {
      [button.hidden, bar.hidden] = [true, false];
      const isThere = await this.actions.fetchModel(name, (received, total) => {
        setText(words, `Fetching ${name}, ${bytes(received)} of ${bytes(total)}. Until it is there, the small model separates your songs.`);
        bar.value = received / total;
      });
      bar.hidden = true;
      if (isThere) repeat?.(name);
      this.offerBetter(repeat);
    };
  }

  /** The bytes that have to be fetched before a model separates songs, if the back end knows. */
  toDownload(name) {
    return this.models?.find((model) => model.name === name)?.download_bytes;
  }

  #listStored() {
    const stored = this.models.filter((model) => model.stored_bytes > 0);
    this.#stored.hidden = stored.length === 0;
    this.#stored.replaceChildren(...stored.map(({ name, stored_bytes: size }) =>
      element("li", {}, element("span", { textContent: name, title: name }), element("span", { className: "facts", textContent: bytes(size) }),
        iconButton("delete", `Remove the model ${name}`, () => this.actions.removeModel(name)))));
  }

  /** Fields of the upload's form, without defaults, which the service sets. */
  get fields() {
    return Object.fromEntries(fieldNames.map((name) => [name, this.#form.elements[name].value]).filter(([, value]) => value !== ""));
  }

  #fillStems() {
    const select = this.#form.elements["two-stems"];
    const before = select.value;
    const name = this.#form.elements.model.value || this.engine.model;
    const stems = this.models.find((model) => model.name === name)?.stems ?? [];
    select.replaceChildren(element("option", { value: "", textContent: "Every stem" }),
      ...stems.map((stem) => element("option", { value: stem, textContent: `Only ${stem}, and the rest` })));
    if (stems.includes(before)) select.value = before;
  }

  #restore() {
    const saved = kept("options");
    for (const name of fieldNames) {
      // The stems are those of the model, which comes first.
      if (name === "two-stems") this.#fillStems();
      const select = this.#form.elements[name];
      if ([...select.options].some((option) => option.value === saved[name])) select.value = saved[name];
    }
  }

  #summarise() {
    const chosen = this.fields;
    this.#summary.textContent = [chosen.model, chosen.precision, chosen["two-stems"] && `${chosen["two-stems"]} and the rest`, chosen.shifts && `${chosen.shifts} passes`, chosen.format !== "wav" && chosen.format]
      .filter(Boolean).join(", ");
  }
}
