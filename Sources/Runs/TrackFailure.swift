// Classes of track failures, for programs that handle them. The format is described in
// docs/formats.md.

import System

package struct TrackFailure {
    package enum Class: String, Codable {
        /// The track is missing, not audio, damaged or too short for its excerpt.
        case unreadable
        /// The track is longer than the run allows, or doesn't fit into memory without segments or at
        /// its rate.
        case tooLong = "too_long"
        /// The stems or temporary files can't be written.
        case noRoom = "no_room"
        case model
        /// The track took longer than the time limit.
        case timeout
        case `internal`
    }

    let kind: Class
    let cause: ErrorCause
    let text: String

    /// - Parameter text: the error, which begins with the track's label or gets it.
    init(
        _ kind: Class, _ text: String, of track: InputTrack, cause: ErrorCause = .internal
    ) {
        self.kind = kind
        self.cause = cause
        self.text = text.hasPrefix(track.label + ":") ? text : "\(track.label): \(text)"
    }

    init(_ error: any Error, of track: InputTrack) {
        let cause = ErrorCause(of: error)
        self.init(Class(cause), "\(error)", of: track, cause: cause)
    }

    init(timeoutSeconds: Double, of track: InputTrack) {
        self.init(
            .timeout,
            "took longer than the \(timeoutSeconds) s of the time limit; allow more time, or separate "
                + "a part of it", of: track, cause: .cancelled)
    }
}

extension TrackFailure.Class {
    package init(_ cause: ErrorCause) {
        self =
            switch cause {
            case .input, .inputAccess, .notAudio, .unsuitable: .unreadable
            case .tooLong: .tooLong
            case .noRoom, .tooManyFiles, .output: .noRoom
            case .modelName, .modelMissing, .model, .modelResult: .model
            case .argument, .encoding, .engine, .program, .system, .cancelled, .internal: .internal
            }
    }
}
