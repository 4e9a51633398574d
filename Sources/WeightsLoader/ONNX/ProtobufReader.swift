// Also Embedded Swift: typed throws, no key paths, no casts.
// A reader of protobuf's wire format: tags, varints, fixed-size numbers and byte strings. Messages
// are byte ranges of the file.
// Reference: https://protobuf.dev/programming-guides/encoding.

/// Reads the fields of one message.
struct ProtobufReader {
    /// A field's number and its encoded value.
    struct Field {
        let number: Int
        let value: Value
        /// Offset of the tag's first byte.
        let offset: Int
    }

    enum Value {
        case varint(UInt64)
        case fixed32(UInt32)
        case fixed64(UInt64)
        /// A string, a message or packed numbers.
        case bytes(Range<Int>)
    }

    let file: FileBytes
    private var cursor: ByteCursor

    /// - Parameter range: byte range of the message within the file.
    init(_ file: FileBytes, _ range: Range<Int>) {
        self.file = file
        cursor = ByteCursor(file, range)
    }

    /// The next field; nil at the message's end.
    mutating func next() throws(FormatFailure) -> Field? {
        guard !cursor.isAtEnd else { return nil }
        let offset = cursor.position
        let tag = try varint()
        let number = tag >> 3
        guard number > 0, number < 1 << 29 else {
            throw FormatFailure("a field numbered \(number)", at: offset)
        }
        let value: Value
        switch tag & 7 {
        case 0: value = .varint(try varint())
        case 1: value = .fixed64(try cursor.littleEndian(UInt64.self, "a number"))
        case 2:
            let length = try varint()
            guard let count = Int(exactly: length) else {
                throw FormatFailure("a field of \(length) bytes", at: offset)
            }
            value = .bytes(try cursor.take(count, "field \(number)"))
        case 5: value = .fixed32(try cursor.littleEndian(UInt32.self, "a number"))
        default:
            throw FormatFailure("a field of the unknown wire type \(tag & 7)", at: offset)
        }
        return Field(number: Int(number), value: value, offset: offset)
    }

    /// Reads a varint: up to ten bytes of seven bits, lowest first; longer numbers are refused.
    private mutating func varint() throws(FormatFailure) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte = try cursor.byte("a number")
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw cursor.failure("a number of more than 64 bits")
    }

    /// Calls `body` with the low 64 bits of each varint of a packed run.
    static func forEachVarint(in bytes: UnsafeRawBufferPointer, _ body: (UInt64) -> Void) {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        for byte in bytes {
            value |= shift < 64 ? UInt64(byte & 0x7F) << shift : 0
            shift += 7
            guard byte < 0x80 else { continue }
            body(value)
            (value, shift) = (0, 0)
        }
    }
}

extension ProtobufReader.Field {
    /// The byte range of a string or message; throws for numbers.
    func bytes() throws(FormatFailure) -> Range<Int> {
        guard case .bytes(let range) = value else {
            throw FormatFailure(
                "field \(number) is a number, expected text or a message", at: offset)
        }
        return range
    }

    func text(_ file: FileBytes) throws(FormatFailure) -> String {
        var cursor = ByteCursor(file, try bytes())
        return try cursor.text(cursor.remainingBytes, "field \(number)")
    }

    /// A whole number.
    func integer() throws(FormatFailure) -> Int {
        guard case .varint(let bits) = value else {
            throw FormatFailure("field \(number) is not the expected whole number", at: offset)
        }
        return Int(clamping: Int64(bitPattern: bits))
    }

    /// Appends one integer or a packed run of integers, up to `limit` elements in all.
    func appendIntegers(
        to integers: inout [Int], limit: Int, _ file: FileBytes
    ) throws(FormatFailure) {
        guard case .bytes(let range) = value else {
            if integers.count < limit { integers.append(try integer()) }
            return
        }
        file.withBytes(range) { bytes in
            ProtobufReader.forEachVarint(in: bytes) { value in
                if integers.count < limit {
                    integers.append(Int(clamping: Int64(bitPattern: value)))
                }
            }
        }
    }
}
