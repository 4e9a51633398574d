// A bounds-checked cursor over a mapped file, for the readers of binary formats.

/// An error in a file's format; `Checkpoint.open` adds the file's path and format.
package struct FormatFailure: Error {
    package let problem: String
    /// The byte offset of the damage; nil if the file is undamaged but not supported.
    package let offset: Int?

    init(_ problem: String, at offset: Int) {
        self.problem = problem
        self.offset = offset
    }

    init(unsupported problem: String) {
        self.problem = problem
        offset = nil
    }
}

/// Reads little-endian numbers, text and ranges from a part of a file, in order.
///
/// Every read is checked against the end first. Only returned values are copied.
struct ByteCursor {
    let file: MappedFile
    /// Byte offset from the start of the file.
    private(set) var position: Int
    let end: Int

    /// - Parameter range: must lie within the file; nil for the whole file.
    init(_ file: MappedFile, _ range: Range<Int>? = nil) {
        self.file = file
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? file.countBytes
    }

    var isAtEnd: Bool { position == end }
    var remainingBytes: Int { end - position }

    /// Skips `count` bytes and returns their range.
    mutating func take(_ count: Int, _ what: @autoclosure () -> String) throws -> Range<Int> {
        guard count >= 0, count <= remainingBytes else {
            throw FormatFailure(
                "\(what()) should take \(count) bytes, but \(remainingBytes) are left", at: position
            )
        }
        let range = position..<position + count
        position += count
        return range
    }

    mutating func byte(_ what: @autoclosure () -> String) throws -> UInt8 {
        try littleEndian(UInt8.self, what())
    }

    mutating func littleEndian<Number: FixedWidthInteger>(
        _ type: Number.Type, _ what: @autoclosure () -> String
    ) throws -> Number {
        let range = try take(Number.bitWidth / 8, what())
        return file.littleEndian(type, at: range.lowerBound)
    }

    /// A string of `count` bytes of UTF-8.
    mutating func text(_ count: Int, _ what: @autoclosure () -> String) throws -> String {
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
