import Demucs
import System

/// Takes the texts of a run for people, and its events for programs. The door decides where they go.
package protocol RunReporter: Sendable {
    /// Whether events are wanted.
    var takesEvents: Bool { get }
    /// An event as a line of JSON. The format is described in docs/formats.md.
    ///
    /// - Parameter failure: the cause of a track's failure; nil for other events.
    func event(_ line: String, failure: ErrorCause?)

    /// A file that was written, or would be in a run without dry run.
    func file(_ path: String)
    func status(_ text: String)
    func detail(_ text: String)
    func warning(_ text: String)
    func error(_ text: String)

    /// The models and the folder of the files are there; called before the first track.
    ///
    /// - Parameter folder: nil for a run without files.
    func loaded(modelCount: Int, folder: String?)
    /// A track begins.
    ///
    /// - Parameter label: position of the track, `3/12`; empty for a single one.
    func begin(_ track: String, label: String)
    /// Called before the first segment, and when each begins and has ended.
    ///
    /// - Returns: the seconds left; nil until there is an estimate.
    func progress(_ progress: SeparationProgress) -> Double?
    /// The track has ended, with or without a result.
    func end()

    /// The run was interrupted in a track.
    ///
    /// - Parameters:
    ///   - label: names the track.
    ///   - done: number of tracks before it that are done.
    ///   - count: number of all tracks; nil for a manifest that is followed.
    func interrupted(_ label: String, done: Int, of count: Int?)

    /// Whether nobody reads the events any more.
    var isReaderGone: Bool { get }
}

/// How a run ended. The raw value is the exit code of the command.
package enum RunOutcome: Int32, Sendable {
    case done = 0
    /// At least one track failed.
    case trackFailed = 1
    case interrupted = 130
    /// The reader of standard output or of the events closed the pipe; a program that SIGPIPE ends has this code.
    case pipeClosed = 141
}
