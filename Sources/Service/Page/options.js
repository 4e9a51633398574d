// The options of separations: the form under "Options", stored by the browser.

import { element } from "./dom.js";

const stored = "options";

const precisionWords = {
  float32: "Exact (float32)",
  bfloat16: "Fast (bfloat16)",
  int8: "Fastest (int8)",
  auto: "Fast, close to exact (auto)",
};
const formatWords = { wav: "WAV, plain", flac: "FLAC, smaller, no loss", mp3: "MP3, smallest" };

export class Options {
  #form = document.getElementById("options");
  #summary = document.getElementById("options-summary");

  constructor() {
    this.#form.addEventListener("change", () => {
      localStorage.setItem(stored, JSON.stringify(this.fields));
      this.#fillStems();
      this.#summarise();
    });
  }

  /** Fills the form with the service's choices (`GET /v1/models`). */
  offer({ engine, models, precisions, formats }) {
    this.models = models.filter((model) => model.is_installed);
    this.engine = engine;
    const { model, precision, format } = this.#form.elements;
    const fill = (select, choices) => select.replaceChildren(...choices.map(([value, text]) => element("option", { value, textContent: text })));
    fill(model, [["", engine.model ?? "The service's own"], ...this.models.filter(({ name }) => name !== engine.model).map(({ name }) => [name, name])]);
    fill(precision, [["", `As the service runs${engine.precision ? ` (${engine.precision})` : ""}`], ...precisions.map((name) => [name, precisionWords[name] ?? name])]);
    fill(format, formats.map((name) => [name, formatWords[name] ?? name]));
    this.#fillStems();
    this.#restore();
    this.#summarise();
  }

  /** Fields of the upload's form, without defaults, which the service sets. */
  get fields() {
    const fields = {};
    for (const name of ["model", "precision", "two-stems", "shifts", "format"]) {
      const { value } = this.#form.elements[name];
      if (value !== "" && value !== "default") fields[name] = value;
    }
    return fields;
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
    let saved = {};
    try {
      saved = JSON.parse(localStorage.getItem(stored)) ?? {};
    } catch {
      // Unreadable stored options are ignored.
    }
    for (const [name, value] of Object.entries(saved)) {
      const select = this.#form.elements[name];
      if ([...(select?.options ?? [])].some((option) => option.value === value)) select.value = value;
    }
  }

  #summarise() {
    const chosen = this.fields;
    this.#summary.textContent = [chosen.model, chosen.precision, chosen["two-stems"] && `${chosen["two-stems"]} and the rest`, chosen.shifts && `${chosen.shifts} passes`, chosen.format !== "wav" && chosen.format]
      .filter(Boolean).join(", ");
  }
}
