// Errors and warnings of scoring a track.

import System

/// Stems that can't be scored.
package enum EvaluationError: Error, Equatable, CustomStringConvertible {
    case noStems
    /// A signal of a stem, described by `role`, differs in sample rate, channels or length from the
    /// reference of the first stem.
    case mismatch(stem: String, role: String, found: String, expected: String, firstStem: String)
    /// The equations of BSSEval would take too much memory.
    case tooManySignals(found: Int, maximum: Int)

    package var description: String {
        switch self {
        case .noStems:
            "there are no stems to compare"
        case .mismatch(let stem, let role, let found, let expected, let firstStem):
            "\(role) of '\(stem)' has \(found), expected \(expected), like the reference of "
                + "'\(firstStem)'; cut or convert the files so that all are alike"
        case .tooManySignals(let found, let maximum):
            "BSSEval takes at most \(maximum) channels over all stems, found \(found); "
                + "choose stems or other metrics"
        }
    }
}

extension EvaluationError: CausedError {
    package var cause: ErrorCause {
        switch self {
        case .noStems, .mismatch, .tooManySignals: .unsuitable
        }
    }
}

/// A stem or an estimate is silent throughout, so no stem of the track has BSSEval scores.
package struct SilenceWarning: Equatable, Sendable, CustomStringConvertible {
    package let stem: String
    package let isEstimate: Bool

    package var description: String {
        "the \(isEstimate ? "estimate" : "reference") of '\(stem)' is silent, for which BSSEval is "
            + "not defined: no stem of this track has BSSEval scores"
    }
}
