import System

/// Stems that can't be scored.
package enum EvaluationError: Error, Equatable, CustomStringConvertible {
    case noStems
    /// A signal of a stem, described by `role`, differs in sample rate, channels or length from the
    /// reference of the first stem.
    case mismatch(stem: String, role: String, found: String, expected: String, firstStem: String)

    package var description: String {
        switch self {
        case .noStems:
            "there are no stems to compare"
        case .mismatch(let stem, let role, let found, let expected, let firstStem):
            "\(role) of '\(stem)' has \(found), expected \(expected), like the reference of "
                + "'\(firstStem)'; cut or convert the files so that all are alike"
        }
    }
}

extension EvaluationError: CausedError {
    package var cause: ErrorCause { .unsuitable }
}
