// Refusals of the local back end, as the problem documents that the page knows from the service.

export class Refusal extends Error {
  /** `heading` is for the banner; `retryAfter` in seconds if the same request can succeed later. */
  constructor(status, kind, sentence, { heading = null, retryAfter = null } = {}) {
    super(sentence);
    Object.assign(this, { status, kind, heading, retryAfter });
  }

  get document() {
    return { type: `urn:swift-demucs:problem:${this.kind}`, title: this.heading ?? this.message, status: this.status, detail: this.message, heading: this.heading };
  }

  get reply() {
    const headers = { "Content-Type": "application/problem+json", ...(this.retryAfter === null ? {} : { "Retry-After": String(this.retryAfter) }) };
    return new Response(JSON.stringify(this.document), { status: this.status, headers });
  }

  /** Any error as a refusal: its message is a sentence for the user. */
  static of(error) {
    return error instanceof Refusal ? error : new Refusal(500, "failed", error.message || String(error));
  }
}
