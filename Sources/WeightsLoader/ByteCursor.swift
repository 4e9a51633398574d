// Also Embedded Swift: typed throws, no key paths, no casts.
// A bounds-checked cursor over a file, for the readers of binary formats, and their errors.

/// An error of a format's reader; `Checkpoint.open` adds the file's path and format.
package enum FormatFailure: Error {
    case damaged(problem: String, offset: Int)
    /// An undamaged file that is not supported.
    case unsupported(problem: String)
    /// The first bytes belong to no known format.
    case unknown(found: String)
    /// A file beside the checkpoint can't be read.
    case external(WeightsError)

    init(_ problem: String, at offset: Int) { self = .damaged(problem: problem, offset: offset) }

    init(unsupported problem: String) { self = .unsupported(problem: problem) }

    func error(_ path: String, _ format: CheckpointFormat) -> WeightsError {
        switch self {
        case .damaged(let problem, let offset):
            .damaged(path: path, format: format, offset: offset, problem: problem)
        case .unsupported(let problem):
            .unsupported(path: path, format: format, problem: problem)
        case .unknown(let found): .notSafetensors(path: path, found: found)
        case .external(let error): error
        }
    }
}

/// Reads little-endian numbers, text and ranges from a part of a file, in order.
///
/// Every read is checked against the end first. Only returned values are copied.
struct ByteCursor {
    let file: FileBytes
    /// Byte offset from the start of the file.
    private(set) var position: Int
    let end: Int

    /// - Parameter range: must lie within the file; nil for the whole file.
    init(_ file: FileBytes, _ range: Range<Int>? = nil) {
        self.file = file
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? file.countBytes
    }

    var isAtEnd: Bool { position == end }
    var remainingBytes: Int { end - position }

    /// Skips `count` bytes and returns their range.
    mutating func take(
        _ count: Int, _ what: @autoclosure () -> String
    ) throws(FormatFailure) -> Range<Int> {
        guard count >= 0, count <= remainingBytes else {
            throw FormatFailure(
                "\(what()) should take \(count) bytes, but \(remainingBytes) are left", at: position
            )
        }
        let range = position..<position + count
        position += count
        return range
    }

    mutating func byte(_ what: @autoclosure () -> String) throws(FormatFailure) -> UInt8 {
        try littleEndian(UInt8.self, what())
    }

    mutating func littleEndian<Number: FixedWidthInteger>(
        _ type: Number.Type, _ what: @autoclosure () -> String
    ) throws(FormatFailure) -> Number {
        let range = try take(Number.bitWidth / 8, what())
        return file.littleEndian(type, at: range.lowerBound)
    }

    /// A string of `count` bytes of UTF-8.
    mutating func text(
        _ count: Int, _ what: @autoclosure () -> String
    ) throws(FormatFailure) -> String {
        let range = try take(count, what())
        let text = file.withBytes(range) { String(validating: $0, as: UTF8.self) }
        guard let text else {
            throw FormatFailure("\(what()) is not UTF-8", at: range.lowerBound)
        }
        return text
    }

    func failure(_ problem: String) -> FormatFailure {
        FormatFailure(problem, at: position)
    }
}
