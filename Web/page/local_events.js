// Changes of jobs, for the page.

export class Events {
  /** Number of the last event. */
  last = 0;
  #onEvent = null;
  /** Those that came before the page follows. */
  #early = [];

  send(type, data) {
    this.last += 1;
    const event = { number: this.last, type, data };
    if (this.#onEvent) this.#tell(event);
    else this.#early.push(event);
  }

  /** Calls `onEvent(type, data)` for the events after number `last`, and for all that follow. */
  follow(last, onEvent) {
    this.#onEvent = onEvent;
    for (const event of this.#early.splice(0)) if (event.number > last) this.#tell(event);
  }

  /** Later than the change: an error of the page is no error of a separation. */
  #tell({ type, data }) {
    queueMicrotask(() => this.#onEvent(type, data));
  }
}
