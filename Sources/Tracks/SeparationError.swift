// Also Embedded Swift: typed throws, no key paths, no casts.
import System

/// A track could not be separated as asked.
public enum SeparationError: Error, Equatable, Sendable {
    /// An option has an invalid value, alone or with this model.
    case invalidOption(name: String, value: String, allowed: String)
    /// Without splitting, a track has to fit into the model's segment.
    case trackTooLong(samples: Int, maximumSamples: Int, sampleRateHz: Int)
    /// The track is longer than the caller allows.
    case longerThanAllowed(limitSeconds: Double)
    /// The audio has no channels or no samples.
    case emptyAudio(channels: Int, samples: Int)
    /// Audio in memory that is not valid: `problem` continues "The audio …".
    case invalidAudio(problem: String)
    /// A model wants more channels than a recording of several channels has.
    case tooFewChannels(found: Int, needed: Int)
    /// The samples are finite, but their mean or standard deviation is not.
    case tooLoud
    /// A buffer of a sequence differs from the first in its channels or its rate.
    case buffersDiffer(
        channels: Int, rateHz: Int, expectedChannels: Int, expectedRateHz: Int)
    /// The excerpt begins after the end of the track.
    case excerptOutside(startSeconds: Double, trackSeconds: Double)
    /// The track changed between its first and its second pass.
    case inputChanged
    /// Files can't be made in a folder.
    case folderUnusable(folder: String, reason: String)
    /// A sample of a stem is NaN or infinite. Channels count from 0.
    case stemNotFinite(stem: String, seconds: Double, channel: Int)
    /// The files would not fit on the disk.
    case notEnoughSpace(folder: String, neededBytes: Int, freeBytes: Int)
    /// The network's activations would not fit into memory.
    case notEnoughMemory(neededBytes: Int, freeBytes: Int)
    /// A temporary file could not be made, written or read.
    case spoolFailed(folder: String, reason: String)
    /// This process or the system has too many open files to make a temporary one.
    case tooManyFiles(folder: String)
}

extension SeparationError: DescribedError {
    public var description: String {
        switch self {
        case .invalidOption(let name, let value, let allowed):
            "The value \(value) is invalid for \(name): \(allowed)"
        case .trackTooLong(let samples, let maximumSamples, let sampleRateHz):
            "Without splitting, a track may have at most \(maximumSamples) samples at "
                + "\(sampleRateHz) Hz (shifts take half a second of them); this one has \(samples). "
                + "Allow splitting."
        case .longerThanAllowed(let limitSeconds):
            "The track is longer than the \(limitSeconds) s that are allowed. Allow more, or "
                + "separate a part of it."
        case .emptyAudio(let channels, let samples):
            "The audio has \(channels) channels of \(samples) samples; at least one of each is "
                + "needed."
        case .invalidAudio(let problem):
            "The audio \(problem)."
        case .tooFewChannels(let found, let needed):
            "The recording has \(found) channels, the model needs \(needed). Only mono is spread over "
                + "more channels."
        case .tooLoud:
            "The samples are so large that their mean or standard deviation is not a finite number. "
                + "Scale the recording to samples within ±1."
        case .buffersDiffer(let channels, let rateHz, let expectedChannels, let expectedRateHz):
            "A buffer has \(channels) channels at \(rateHz) Hz where the first one has "
                + "\(expectedChannels) at \(expectedRateHz) Hz; all must have the same format."
        case .excerptOutside(let startSeconds, let trackSeconds):
            "The excerpt begins at \(startSeconds) s, but the track ends after \(trackSeconds) s. "
                + "Begin earlier."
        case .inputChanged:
            "The track was changed while it was being separated. Separate it again when "
                + "nothing writes to it any more."
        case .stemNotFinite(let stem, let seconds, let channel):
            "The stem '\(stem)' can't be made, because its sample at \(seconds.fixed(3)) s in channel "
                + "\(channel + 1) is not a finite number. Check the model's weights, and that the "
                + "recording has samples within ±1."
        case .folderUnusable(let folder, let reason):
            "Nothing can be written into the folder \(folder) (\(reason)). Create it, or make it "
                + "writable."
        case .notEnoughSpace(let folder, let neededBytes, let freeBytes):
            "The disk of \(folder) has \(SeparationError.megabytes(freeBytes)) left, and "
                + "\(SeparationError.megabytes(neededBytes)) are needed. Make room, or choose "
                + "another folder for temporary files or a clip mode that needs none (clamp, none)."
        case .notEnoughMemory(let neededBytes, let freeBytes):
            "The model needs \(SeparationError.megabytes(neededBytes)) of memory, and "
                + "\(SeparationError.megabytes(freeBytes)) are free. Use another model, fewer jobs "
                + "at once, a shorter segment, or a machine or a limit (ulimit) with more memory."
        case .spoolFailed(let folder, let reason):
            "A temporary file in \(folder) could not be used (\(reason)). Check the space on its "
                + "disk, or choose another folder for temporary files."
        case .tooManyFiles(let folder):
            "A temporary file in \(folder) can't be made, because too many files are open. Close some, "
                + "or raise the limit with 'ulimit -n'."
        }
    }

    /// - Throws: ``invalidOption(name:value:allowed:)`` unless the value is valid.
    package static func require(
        _ isValid: Bool, _ option: String, _ value: some CustomStringConvertible,
        _ allowed: @autoclosure () -> String
    ) throws(SeparationError) {
        if !isValid {
            throw .invalidOption(name: option, value: value.description, allowed: allowed())
        }
    }

    /// The error of a recording of less than a sample at the model's rate.
    package static func tooShort(samples: Int, rateHz: Int, modelRateHz: Int) -> SeparationError {
        .invalidAudio(
            problem:
                "is shorter than one sample at the model's \(modelRateHz) Hz: it has \(samples) "
                + "at \(rateHz) Hz")
    }

    /// - Throws: ``invalidOption(name:value:allowed:)`` for an unknown stem, or none.
    package static func requireStems(
        _ wanted: [String], of known: [String]
    ) throws(SeparationError) {
        let names = known.joined(separator: ", ")
        try require(!wanted.isEmpty, "stems", "[]", "at least one of \(names)")
        for stem in wanted { try require(known.contains(stem), "stems", stem, "one of \(names)") }
    }

    package static func megabytes(_ bytes: Int) -> String {
        "\((Double(bytes) / 1e6).fixed(1)) MB"
    }
}

extension SeparationError: CausedError {
    public var cause: ErrorCause {
        switch self {
        case .invalidOption, .buffersDiffer: .argument
        case .trackTooLong, .longerThanAllowed: .tooLong
        case .emptyAudio, .excerptOutside, .invalidAudio, .tooFewChannels: .unsuitable
        case .tooLoud, .inputChanged: .input
        case .stemNotFinite: .modelResult
        case .notEnoughMemory: .engine
        case .folderUnusable, .notEnoughSpace, .spoolFailed: .output
        case .tooManyFiles: .tooManyFiles
        }
    }

    public var reason: String? {
        switch self {
        case .folderUnusable(_, let reason), .spoolFailed(_, let reason): reason
        case .notEnoughSpace(_, let neededBytes, let freeBytes):
            "\(SeparationError.megabytes(neededBytes)) are needed, and "
                + "\(SeparationError.megabytes(freeBytes)) are free"
        case .invalidOption, .buffersDiffer, .trackTooLong, .longerThanAllowed, .emptyAudio,
            .excerptOutside, .invalidAudio, .tooFewChannels, .tooLoud, .inputChanged,
            .stemNotFinite,
            .notEnoughMemory, .tooManyFiles:
            nil
        }
    }
}
