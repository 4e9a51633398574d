// Where a command speaks: results to stdout, everything else to stderr.

import Foundation

struct Console: Sendable {
    var isQuiet = false
    var isVerbose = false

    /// Whether stderr is a terminal whose line can be drawn over. One that calls itself dumb, or
    /// nothing, only takes line after line.
    let isTerminal: Bool = {
        let kind = ProcessInfo.processInfo.environment["TERM"] ?? ""
        return isatty(STDERR_FILENO) == 1 && !kind.isEmpty && kind != "dumb"
    }()

    /// A line of what was asked for.
    func result(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// A line about how things go.
    func status(_ line: String) {
        if !isQuiet { write("\(oneLine(line))\n", to: STDERR_FILENO) }
    }

    /// A line for who wants to know more.
    func detail(_ line: String) {
        if isVerbose { write("\(oneLine(line))\n", to: STDERR_FILENO) }
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

    /// Names of files are a stranger's text: neither lines of their own nor control characters that
    /// a terminal would obey.
    private func oneLine(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        let isClean = line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        if isClean { return line }
        return String(
            String.UnicodeScalarView(
                line.unicodeScalars.map {
                    $0.properties.generalCategory == .control ? "\u{FFFD}" : $0
                }))
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

/// Rows of text as a table.
enum TextTable {
    /// Columns as wide as their widest cell; names to the left, figures to the right, and no spaces
    /// at the end of a line.
    ///
    /// - Parameter names: the columns that go to the left.
    static func aligned(_ rows: [[String]], names: Set<Int> = [0]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return names.contains(column) ? cell.0 + space : space + cell.0
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}

enum JSONText {
    /// Indented, keys sorted and with underscores.
    static func of(_ value: some Encodable) -> String { text(value, [.prettyPrinted]) }

    /// The same on one line.
    static func line(_ value: some Encodable) -> String { text(value, []) }

    private static func text(
        _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting
    ) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        // Strings and floats with that strategy can always be encoded.
        let data = (try? encoder.encode(value)) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads what `of` wrote.
    static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}
