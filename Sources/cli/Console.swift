// Where a command speaks: results to stdout, everything else to stderr.

import Foundation

struct Console: Sendable {
    var isQuiet = false
    var isVerbose = false

    /// Whether stderr is a terminal, where a line can be drawn over.
    let isTerminal = isatty(STDERR_FILENO) == 1

    /// A line of what was asked for.
    func result(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// A line about how things go.
    func status(_ line: String) {
        if !isQuiet { write(line + "\n", to: STDERR_FILENO) }
    }

    /// A line for who wants to know more.
    func detail(_ line: String) {
        if isVerbose { write(line + "\n", to: STDERR_FILENO) }
    }

    func warning(_ text: String) { write("warning: \(oneLine(text))\n", to: STDERR_FILENO) }

    func error(_ text: String) { write("error: \(oneLine(text))\n", to: STDERR_FILENO) }

    /// Puts text into the terminal's current line.
    func redraw(_ line: String) { write("\r\(line)\u{1B}[K", to: STDERR_FILENO) }

    /// Columns of the terminal.
    var columns: Int {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return isKnown ? Int(size.ws_col) : 80
    }

    private func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// A stream that can't be written to is nothing to fail over: the files are what counts.
    private func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if written < 0 && errno == EINTR { continue }
            if written <= 0 { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
