// A JSON value. ``JSONCursor`` reads it from a text; Native/JSON+Coding.swift makes and writes it.

/// A JSON value.
package enum JSON: Sendable, Equatable {
    case object([String: JSON])
    case array([JSON])
    case text(String)
    case integer(Int)
    /// A number with a point or an exponent, or a whole one too large for 64 bits.
    case number(Double)
    case bool(Bool)
    case null
}
