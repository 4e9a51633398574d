// Output of a command: results to stdout, everything else to stderr.

import Synchronization
import System

package struct Console: Sendable {
    var isQuiet = false
    var isVerbose = false
    private let results = Results()

    /// Whether stderr is a terminal that can redraw a line; false if TERM is `dumb` or empty.
    let isTerminal: Bool = {
        let kind = getenv("TERM").map { String(cString: $0) } ?? ""
        return isatty(STDERR_FILENO) == 1 && !kind.isEmpty && kind != "dumb"
    }()

    /// Prints a line of the result to stdout. The first failure stays: ``checked(_:)`` reports it.
    func result(_ line: String) {
        // Programs get names as they are.
        let line = isatty(STDOUT_FILENO) == 1 ? shown(line) : line
        results.failure.withLock { failure in
            if failure == nil { failure = write(line + "\n", to: STDOUT_FILENO) }
        }
    }

    /// The exit code of a command that ends: results that could not be written to stdout are an
    /// error, unless its reader closed a pipe.
    func checked(_ code: ExitCode) -> ExitCode {
        guard let failure = results.failure.withLock({ $0 }), failure.code != EPIPE else {
            return code
        }
        error("The results can't be written to standard output: \(failure).")
        return code == .done ? ExitCode(.output) : code
    }

    private final class Results: Sendable {
        let failure = Mutex<SystemError?>(nil)
    }

    /// Whether stdout is a pipe or a socket whose reader has closed it.
    var isReaderGone: Bool {
        var state = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
        return poll(&state, 1, 0) > 0 && Int32(state.revents) & Int32(POLLERR | POLLHUP) != 0
    }

    /// Prints a line about progress, unless `--quiet` is given.
    package func status(_ line: String) {
        if !isQuiet { write("\(oneLine(line))\n", to: STDERR_FILENO) }
    }

    /// Prints a line with `--verbose` only.
    package func detail(_ line: String) {
        if isVerbose { write("\(oneLine(line))\n", to: STDERR_FILENO) }
    }

    package func warning(_ text: String) { write("warning: \(oneLine(text))\n", to: STDERR_FILENO) }

    package func error(_ text: String) { write("error: \(oneLine(text))\n", to: STDERR_FILENO) }

    /// Runs a command's work. An error that ends the work is printed and gives the exit code.
    ///
    /// - Parameters:
    ///   - interruption: the text for `CancellationError`.
    ///   - code: exit code of all other errors; nil for the code of the error's kind.
    package func reporting(
        interruption: String = "interrupted", failure code: ExitCode? = nil,
        _ work: () throws -> ExitCode
    ) -> ExitCode {
        do {
            return try work()
        } catch is CancellationError {
            error(interruption)
            return .interrupted
        } catch let failure {
            error(commandText(of: failure))
            return code ?? ExitCode(ErrorCause(of: failure))
        }
    }

    /// Replaces the terminal's current line.
    func redraw(_ line: String) { write("\r\(line)\u{1B}[K", to: STDERR_FILENO) }

    /// Writes over the current line of whatever reads standard error.
    func overwrite(_ line: String) { write("\r" + line, to: STDERR_FILENO) }

    /// Width of the terminal; 80 where it is unknown.
    var columns: Int {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return isKnown ? Int(size.ws_col) : 80
    }

    /// File names are untrusted: control characters, and those that turn or hide text, must not reach
    /// a terminal.
    private func shown(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map(\.withoutHiddenCharacters).joined(separator: "\n")
    }

    private func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ").withoutHiddenCharacters
    }

    /// - Returns: the failure, which messages ignore: the files matter more than what is said about
    ///   them.
    @discardableResult
    private func write(_ text: String, to descriptor: Int32) -> SystemError? {
        Array(text.utf8).withUnsafeBytes { bytes in
            do throws(SystemError) { try writeAll(bytes, to: descriptor) } catch { return error }
            return nil
        }
    }
}
