// Faults of the back end.

/**
 * A refusal of the back end, or its failure; the message is a sentence for the user.
 *
 * `status` is that of HTTP. `kind` is the last part of the service's type, else null. `heading` is for the banner, or null.
 * `retryAfterSeconds` is null unless the same call can succeed later without anybody doing something.
 */
export class Problem extends Error {
  constructor(status, sentence, { kind = null, heading = null, retryAfterSeconds = null } = {}) {
    super(sentence);
    Object.assign(this, { status, kind, heading, retryAfterSeconds });
  }

  /** Any error as a problem. */
  static of(error) {
    return error instanceof Problem ? error : new Problem(500, error.message || String(error));
  }
}
