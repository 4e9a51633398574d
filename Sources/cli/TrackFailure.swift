// Classes of track failures, for programs that handle them. The format is described in
// docs/formats.md.

import Demucs
import Files
import HTDemucs
import ModelZoo
import WeightsLoader

struct TrackFailure {
    enum Class: String, Codable {
        /// The track is missing, not audio, damaged or too short for its excerpt.
        case unreadable
        /// The track is longer than `--max-duration`, or doesn't fit into memory without segments
        /// or at its rate.
        case tooLong = "too_long"
        /// The stems or temporary files can't be written.
        case noRoom = "no_room"
        case model
        /// The track took longer than `--timeout`.
        case timeout
        case `internal`

        /// Whether the same track may succeed on another machine or later.
        var isOfPlace: Bool { self == .noRoom || self == .model }
    }

    let kind: Class
    let text: String

    /// - Parameter text: the error, which begins with the track's label or gets it.
    init(_ kind: Class, _ text: String, of track: InputTrack) {
        self.kind = kind
        self.text = text.hasPrefix(track.label + ":") ? text : "\(track.label): \(text)"
    }

    init(_ error: any Error, of track: InputTrack) {
        let kind: Class =
            switch error {
            case let error as AudioError: Class(error)
            case let error as SeparationError: Class(error)
            case is ModelStoreError, is BagError, is WeightsError, is ConfigurationError: .model
            default: .internal
            }
        self.init(kind, "\(error)", of: track)
    }

    init(timeoutSeconds: Double, of track: InputTrack) {
        self.init(
            .timeout,
            "took longer than the \(timeoutSeconds) s of '\(Option.timeout.long)'; allow more time, "
                + "or separate a part of it", of: track)
    }
}

extension TrackFailure.Class {
    fileprivate init(_ error: AudioError) {
        self =
            switch error {
            case .notFound, .isFolder, .notAFile, .unreadable, .empty, .notAudio, .ffmpegMissing,
                .changed, .nothingDecodable, .implausibleHeader, .notFinite, .tooFewChannels,
                .invalidAudio:
                .unreadable
            case .tooLong: .tooLong
            case .unwritable, .writeFailed: .noRoom
            case .outputNotFinite: .model
            case .readerGone, .unsupportedOutput, .encodingFailed: .internal
            }
    }

    fileprivate init(_ error: SeparationError) {
        self =
            switch error {
            case .emptyAudio, .tooLoud, .excerptOutside, .inputChanged: .unreadable
            case .trackTooLong, .longerThanAllowed: .tooLong
            case .folderUnusable, .notEnoughSpace, .spoolFailed: .noRoom
            case .invalidOption, .buffersDiffer: .internal
            }
    }
}
