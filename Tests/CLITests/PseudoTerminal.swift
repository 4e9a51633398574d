// Runs the built executable in a terminal: its stderr is one, and what it draws there is collected.

import Foundation

final class PseudoTerminal {
    private let main: Int32
    private let process: Process
    /// All that was drawn so far.
    private(set) var text = ""

    /// Starts a call.
    ///
    /// - Parameters: as of `CommandRun`; `columns` of the terminal.
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

    /// Reads until the text holds a sign, or to the end.
    ///
    /// - Returns: whether the sign came.
    @discardableResult
    func read(until sign: String? = nil) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            if let sign, text.contains(sign) { return true }
            // Fails with EIO once nobody holds the other end.
            let count = Foundation.read(main, &bytes, bytes.count)
            if count <= 0 { return false }
            text += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    /// Gives the terminal another width, and tells the program as terminals do.
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

    /// What was drawn over the same line, one after the other, without the codes around it.
    var drawings: [Substring] {
        text.split(separator: "\r", omittingEmptySubsequences: false).dropFirst()
            .compactMap { piece in
                piece.firstRange(of: "\u{1B}[K").map { piece[..<$0.lowerBound] }
            }
    }
}
