// Also Embedded Swift: typed throws, no key paths, no casts.
// Whose fault an error is. The command, the runs, the service and the C interface have each a table from
// causes to their own answers, so that none lists the types of errors.

/// The cause of an error: as many as the doors tell apart.
public enum ErrorCause: String, CaseIterable, Sendable {
    /// An invalid option, or options that exclude each other.
    case argument
    /// Valid data that don't suit the call, such as an excerpt after the end of the track.
    case unsuitable
    /// The track is longer than allowed, or than fits into memory.
    case tooLong
    /// An input file is missing, damaged or was changed.
    case input
    /// The system refuses to read an input file.
    case inputAccess
    /// Nothing in an input file can be decoded.
    case notAudio
    /// The caller's limit of bytes is too low.
    case noRoom
    /// Files can't be written.
    case output
    /// A result can't be encoded, or its reader has gone.
    case encoding
    /// The samples that a model gives are not finite.
    case modelResult
    /// An invalid name or folder of a model.
    case modelName
    /// No model of that name is on this machine, or it can't be downloaded.
    case modelMissing
    /// A file of a model can't be used.
    case model
    /// A library, the CPU or the environment prevents the engine from running.
    case engine
    /// ffmpeg was killed, or can't run.
    case program
    /// This process or the system has too many open files.
    case tooManyFiles
    /// A system call failed, without a file to name.
    case system
    /// The work was stopped.
    case cancelled
    /// A fault of this program.
    case `internal`

    /// Only a fault of the track counts against it: after another one, the same track may succeed.
    package var fault: Fault {
        switch self {
        case .noRoom, .tooManyFiles, .output, .inputAccess, .system, .engine, .program: .machine
        case .modelResult, .modelName, .modelMissing, .model: .model
        case .argument, .unsuitable, .tooLong, .input, .notAudio, .encoding, .cancelled,
            .internal:
            .track
        }
    }
}

/// Whose fault an error is.
package enum Fault { case track, model, machine }

/// An error that knows its cause. Every error that leaves its module is one.
public protocol CausedError: Error {
    /// An exhaustive `switch` without `default`, so that a new case has to choose.
    var cause: ErrorCause { get }
    /// The failure without the paths of this machine, for readers elsewhere; nil if the description
    /// names none.
    var reason: String? { get }
}

extension CausedError {
    public var reason: String? { nil }
}

extension CancellationError: CausedError {
    public var cause: ErrorCause { .cancelled }
}
