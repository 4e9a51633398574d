import Signal
import System

/// A sound file could not be read, converted or written.
public enum AudioError: Error, Equatable, Sendable, DescribedError {
    /// No file exists at the path.
    case notFound(path: String)
    /// A folder stands where a file is expected.
    case isFolder(path: String)
    /// A terminal or another device instead of a file or a pipe.
    case notAFile(path: String)
    /// This process or the system has too many open files to open another.
    case tooManyFiles(path: String)
    /// The system refuses to open or read the file.
    case unreadable(path: String, reason: String)
    /// The file has no bytes.
    case empty(path: String)
    /// Neither libsndfile nor ffmpeg knows the content, or its header is damaged.
    case notAudio(path: String, reason: String)
    /// libsndfile doesn't know the content, and there is no ffmpeg that may decode it.
    case ffmpegMissing(path: String, reason: String)
    /// ffmpeg was killed, can't be started, or needs a folder of the system that is not there.
    case programFailed(path: String, reason: String)
    /// A temporary copy would take more bytes than it may.
    case copyTooLarge(path: String, limitBytes: Int)
    /// The file was written to after it was opened.
    case changed(path: String)
    /// The header is valid, but no sample follows.
    case nothingDecodable(path: String, reason: String?)
    /// The header states a rate or a number of channels that no recording has: `problem` continues
    /// "The header states …".
    case implausibleHeader(path: String, problem: String)
    /// The file has more samples than fit into memory at once.
    case tooLong(path: String, limitSeconds: Double)
    /// A sample is NaN or infinite. Channels count from 0.
    case notFinite(path: String, value: Float, seconds: Double, channel: Int)
    /// Audio to write that is not valid: `problem` continues "The audio …".
    case invalidAudio(problem: String)
    /// The file can't be created at its path.
    case unwritable(path: String, reason: String)
    /// The disk can't hold a file of this name: `problem` completes "because of …".
    case unusableName(path: String, problem: String)
    /// Writing failed; no file is left behind.
    case writeFailed(path: String, reason: String)
    /// The stream's reader has closed it before the end, as `head` does.
    case readerGone(path: String)
    /// The container can't hold such a signal: `problem` is a sentence without its full stop.
    case unsupportedOutput(path: String, problem: String)
    /// An encoder could not make the file.
    case encodingFailed(path: String, reason: String)
    /// A sample to be written is NaN or infinite. Channels count from 0.
    case outputNotFinite(path: String, seconds: Double, channel: Int)

    /// One line: the failure, the value found, the value expected, and a remedy.
    public var description: String {
        switch self {
        case .notFound(let path):
            // A program that gives bytes that are not UTF-8 as text has replaced them by this character.
            let isReplaced = path.unicodeScalars.contains("\u{FFFD}")
            let advice =
                path.utf8.contains(0)
                ? "Its path has a zero byte."
                : isReplaced
                    ? "Its path was not valid UTF-8: rename the file, or name its folder."
                    : path.hasPrefix("file:")
                        ? "Give the path without 'file://', and with the characters themselves for '%20' and the like."
                        : path.contains("://")
                            ? "It is an address and no path: download the file first."
                            : "Check the path."
            return "\(path): there is no such file. \(advice)"
        case .isFolder(let path):
            return "\(path): is a folder, expected a sound file. Name the files inside it."
        case .notAFile(let path):
            return
                "\(path): is a terminal or another device, expected a file or a pipe. "
                + "Save the sound to a file first."
        case .tooManyFiles(let path):
            return
                "\(path): can't be opened, because too many files are open. Close some, or raise the "
                + "limit with 'ulimit -n'."
        case .unreadable(let path, let reason):
            return "\(path): cannot be read (\(reason)). Check its permissions."
        case .empty(let path):
            return "\(path): is empty (0 bytes), expected a sound file."
        case .notAudio(let path, let reason):
            return
                "\(path): is not a sound file that can be decoded (\(reason)). "
                + "Expected WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3 or a format that ffmpeg decodes."
        case .ffmpegMissing(let path, let reason):
            return
                "\(path): can't be decoded here (\(reason)), and there is no "
                + "ffmpeg on PATH. Install ffmpeg for AAC, M4A, WMA, video and the like, or convert "
                + "the file."
        case .programFailed(let path, let reason):
            return
                "\(path): failed for want of a program (\(reason)). Check the free memory and the "
                + "installation, and try again."
        case .copyTooLarge(let path, let limitBytes):
            return
                "\(path): its temporary copy takes more than the "
                + "\((Double(limitBytes) / 1e6).fixed(1)) MB that it may take. Cut it into parts."
        case .changed(let path):
            return
                "\(path): was changed while it was being read. "
                + "Try again when nothing writes to it any more."
        case .nothingDecodable(let path, let reason):
            let detail = reason.map { " (\($0))" } ?? ""
            return "\(path): holds no samples that can be decoded\(detail)."
        case .implausibleHeader(let path, let problem):
            return "\(path): states \(problem). Its header is probably damaged."
        case .tooLong(let path, let limitSeconds):
            return
                "\(path): is longer than the \(Int(limitSeconds)) s that fit into memory at its rate "
                + "and channels. Cut it into parts."
        case .notFinite(let path, let value, let seconds, let channel):
            return
                "\(path): the sample at \(Self.time(seconds)) in channel \(channel + 1) is \(value), "
                + "expected a finite number. Repair or export the file again."
        case .invalidAudio(let problem):
            return "The audio \(problem)."
        case .unwritable(let path, let reason):
            return
                "\(path): cannot be written (\(reason)). Check that its folder exists and is writable."
        case .unusableName(let path, let problem):
            return
                "\(path): the disk can't hold this name because of \(problem). Rename it, or use "
                + "safe-names, which replaces such characters."
        case .writeFailed(let path, let reason):
            return
                "\(path): writing failed (\(reason)). "
                + "Check the space on the disk and that the folder is still there."
        case .readerGone(let path):
            return "\(path): its reader has closed it before the end."
        case .unsupportedOutput(let path, let problem):
            return "\(path): \(problem). Choose another format or rate."
        case .encodingFailed(let path, let reason):
            return
                "\(path): could not be encoded (\(reason)). Choose another codec or format, or check "
                + "that ffmpeg has the encoder."
        case .outputNotFinite(let path, let seconds, let channel):
            return
                "\(path): was not written, because its sample at \(Self.time(seconds)) in channel "
                + "\(channel + 1) is not a finite number. Check the model's weights."
        }
    }

    static func time(_ seconds: Double) -> String {
        "\(seconds.fixed(3)) s"
    }
}

extension AudioError: CausedError {
    public var cause: ErrorCause {
        switch self {
        case .notFound, .isFolder, .notAFile, .changed, .notFinite: .input
        case .tooManyFiles: .tooManyFiles
        case .unreadable: .inputAccess
        case .empty, .notAudio, .ffmpegMissing, .nothingDecodable, .implausibleHeader: .notAudio
        case .tooLong: .tooLong
        case .invalidAudio, .unusableName: .unsuitable
        case .programFailed: .program
        case .copyTooLarge: .noRoom
        case .unwritable, .writeFailed: .output
        case .readerGone, .encodingFailed: .encoding
        case .unsupportedOutput: .argument
        case .outputNotFinite: .modelResult
        }
    }

    public var reason: String? {
        switch self {
        case .unreadable(_, let reason), .unwritable(_, let reason), .writeFailed(_, let reason),
            .programFailed(_, let reason):
            reason
        case .unsupportedOutput(_, let problem): "\(problem). Choose another format or rate."
        default: nil
        }
    }
}

extension AudioError {
    /// - Throws: `implausibleHeader` for values that no sound has.
    static func check(_ path: String, channelCount: Int, sampleRateHz: Int) throws(AudioError) {
        let problem = PlanarAudio.problem(channelCount: channelCount, sampleRateHz: sampleRateHz)
        if let problem { throw .implausibleHeader(path: path, problem: problem) }
    }

    /// The error of a file that can't be opened or read.
    package static func unreadable(path: String, _ error: SystemError) -> AudioError {
        error.isTooManyFiles
            ? .tooManyFiles(path: path) : .unreadable(path: path, reason: error.description)
    }

    /// The error of a file that can't be created.
    package static func unwritable(path: String, _ error: SystemError) -> AudioError {
        if error.isTooManyFiles { return .tooManyFiles(path: path) }
        let name = FilePath.name(of: path)
        if error.code == ENAMETOOLONG {
            return .unusableName(path: path, problem: "its length of \(name.utf8.count) bytes")
        }
        // Systems give these codes for names that they refuse.
        if [ENOENT, EINVAL, EILSEQ, EIO].contains(error.code),
            FilePath.isFolder(FilePath.folder(of: path)),
            let problem = FilePath.problem(ofName: name)
        {
            return .unusableName(path: path, problem: problem)
        }
        return .unwritable(path: path, reason: error.description)
    }
}
