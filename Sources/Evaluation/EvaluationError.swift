// Errors and warnings of scoring a track.

import Audio
import Foundation

/// Stems that can't be scored.
package enum EvaluationError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// A property that all stems of a track and their estimates must have in common.
    package enum Property: String, CaseIterable, Sendable {
        case sampleRate, channels, length

        func value(_ buffer: PlanarAudio) -> Int {
            switch self {
            case .sampleRate: buffer.sampleRateHz
            case .channels: buffer.channels.count
            case .length: buffer.sampleCount
            }
        }

        func text(_ value: Int) -> String {
            switch self {
            case .sampleRate: "a sample rate of \(value) Hz"
            case .channels: "\(value) channel\(value == 1 ? "" : "s")"
            case .length: "\(value) samples"
            }
        }
    }

    case noStems
    /// A signal of a stem, described by `role`, differs from the reference of the first stem.
    case mismatch(
        Property, stem: String, role: String, found: Int, expected: Int, firstStem: String)
    /// The equations of BSSEval would take too much memory.
    case tooManySignals(found: Int, maximum: Int)

    package var description: String {
        switch self {
        case .noStems:
            "there are no stems to compare"
        case .mismatch(let property, let stem, let role, let found, let expected, let firstStem):
            "\(role) of '\(stem)' has \(property.text(found)), expected "
                + "\(property.text(expected)) as the reference of '\(firstStem)' has; "
                + "cut or convert the files so that all are alike"
        case .tooManySignals(let found, let maximum):
            "BSSEval takes at most \(maximum) channels over all stems, found \(found); "
                + "choose stems or other metrics"
        }
    }

    package var errorDescription: String? { description }
}

/// A reason for missing scores.
package enum EvaluationWarning: Equatable, Sendable, CustomStringConvertible {
    /// A stem or an estimate is silent from end to end, so no stem of the track has BSSEval scores.
    case silent(stem: String, isEstimate: Bool)

    package var description: String {
        switch self {
        case .silent(let stem, let isEstimate):
            "the \(isEstimate ? "estimate" : "reference") of '\(stem)' is silent, for which "
                + "BSSEval is not defined: no stem of this track has BSSEval scores"
        }
    }
}
