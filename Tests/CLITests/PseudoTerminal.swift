// Runs the built executable with stderr in a pseudo terminal, and collects its output.

import Foundation

final class PseudoTerminal {
    private let main: Int32
    private let process: Process
    /// All output so far.
    private(set) var text = ""

    /// Starts the command, with the parameters of `CommandRun`.
    ///
    /// - Parameter columns: width of the terminal.
    init(
        _ arguments: [String], in folder: URL, columns: UInt16, environment: [String: String] = [:]
    ) throws {
        var main: Int32 = -1
        var terminal: Int32 = -1
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&main, &terminal, nil, nil, &size) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        self.main = main
        process = CommandRun.process(
            arguments, in: folder,
            environment: ["TERM": "xterm"].merging(environment) { _, new in new })
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(fileDescriptor: terminal)
        try process.run()
        close(terminal)
    }

    deinit { close(main) }

    /// Reads until the text has a match of `pattern`, or to the end.
    ///
    /// - Returns: whether the text has a match.
    @discardableResult
    func read(until pattern: Regex<Substring>? = nil) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            if let pattern, text.contains(pattern) { return true }
            // Against hangs only.
            var main = pollfd(fd: main, events: Int16(POLLIN), revents: 0)
            if poll(&main, 1, 30_000) == 0 { send(SIGKILL) }
            // Fails with EIO once the process has ended.
            let count = Foundation.read(main.fd, &bytes, bytes.count)
            if count <= 0 { return false }
            text += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    /// Resizes the terminal and sends SIGWINCH, as terminals do.
    func resize(columns: UInt16) {
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(main, UInt(TIOCSWINSZ), &size)
        kill(process.processIdentifier, SIGWINCH)
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Reads to the end.
    ///
    /// - Returns: the exit code.
    func wait() -> Int32 {
        read()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// The texts drawn in the same line, one after the other, without control codes.
    var drawings: [Substring] {
        text.split(separator: "\r", omittingEmptySubsequences: false).dropFirst()
            .compactMap { piece in
                piece.firstRange(of: "\u{1B}[K").map { piece[..<$0.lowerBound] }
            }
    }
}
