// Also Embedded Swift: typed throws, no key paths, no casts.
// A strict reader of JSON. Foundation's readers silently accept duplicate keys, which are invalid in a
// header, and don't distinguish `true`, `1` and `1.0`, as Python's arguments require.

/// Text that is not the JSON that its reader expects.
package struct JSONError: Error {
    package let problem: String
    /// Byte offset of the problem.
    package let offset: Int
}

/// A cursor over JSON text (RFC 8259); the caller says which kind of value comes next.
///
/// Only requested values are built, so crafted text can't take much memory.
package struct JSONCursor {
    /// The deepest nesting, far above real files, because the reader recurses.
    static let nestingLimit = 64

    /// The most keys of an object, which are kept in memory to find duplicates.
    static let keyLimit = 131_072

    private let text: [UInt8]
    /// Offset of the text within its file.
    private let start: Int
    private var position = 0
    private var nesting = 0
    /// Whether numbers are texts as they are written.
    private var numbersAreTexts = false

    package init(_ text: [UInt8], at start: Int = 0) {
        self.text = text
        self.start = start
    }

    /// The members of a text with one object, in their order. Their numbers are texts as they are written, without a
    /// loss: a field of text takes them.
    package static func members(
        of text: [UInt8]
    ) throws(JSONError) -> [(key: String, value: JSON)] {
        var members: [(key: String, value: JSON)] = []
        var cursor = JSONCursor(text)
        cursor.numbersAreTexts = true
        try cursor.object { cursor, key throws(JSONError) in
            members.append((key, try cursor.value()))
        }
        try cursor.end()
        return members
    }

    /// Offset of the next byte within the file.
    package var offset: Int { start + position }

    /// Reads an object and calls `member` with each key; `member` must read the value.
    ///
    /// - Throws: ``JSONError``, also for a key that appears twice.
    package mutating func object(
        _ member: (_ cursor: inout JSONCursor, _ key: String) throws(JSONError) -> Void
    ) throws(JSONError) {
        try open("{", "an object")
        var keys = Set<String>()
        if !takes("}") {
            repeat {
                skipSpace()
                let key = try string()
                guard keys.insert(key).inserted else {
                    throw failure("the key \(key.quoted) appears twice")
                }
                guard keys.count <= Self.keyLimit else {
                    throw failure("an object of more than \(Self.keyLimit) keys")
                }
                try expect(":")
                try member(&self, key)
            } while takes(",")
            try expect("}")
        }
        nesting -= 1
    }

    /// Reads an array and calls `element` for each element, which it must read.
    package mutating func array(
        _ element: (_ cursor: inout JSONCursor) throws(JSONError) -> Void
    ) throws(JSONError) {
        try open("[", "an array")
        if !takes("]") {
            repeat { try element(&self) } while takes(",")
            try expect("]")
        }
        nesting -= 1
    }

    /// Reads a string and resolves its escapes.
    package mutating func string() throws(JSONError) -> String {
        skipSpace()
        guard takesRaw("\"") else { throw failure("expected a string, found \(found)") }
        var bytes: [UInt8] = []
        while position < text.count {
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw failure("a string that is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                bytes.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20:
                throw failure("a control character within a string")
            default:
                bytes.append(byte)
            }
        }
        throw failure("a string without its closing quote")
    }

    /// Reads a whole number that fits `Int`.
    package mutating func integer() throws(JSONError) -> Int {
        guard case .integer(let value) = try number() else {
            throw failure("expected a whole number that fits 64 bits")
        }
        return value
    }

    package mutating func value() throws(JSONError) -> JSON {
        skipSpace()
        guard position < text.count else { throw failure("expected a value, found \(found)") }
        switch text[position] {
        case UInt8(ascii: "{"):
            var members: [String: JSON] = [:]
            try object { cursor, key throws(JSONError) in members[key] = try cursor.value() }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSON] = []
            try array { cursor throws(JSONError) in elements.append(try cursor.value()) }
            return .array(elements)
        case UInt8(ascii: "\""):
            return .text(try string())
        case UInt8(ascii: "t") where takesWord("true"):
            return .bool(true)
        case UInt8(ascii: "f") where takesWord("false"):
            return .bool(false)
        case UInt8(ascii: "n") where takesWord("null"):
            return .null
        default:
            return try number()
        }
    }

    /// Skips any value without building it.
    package mutating func skipValue() throws(JSONError) {
        skipSpace()
        switch position < text.count ? text[position] : 0 {
        case UInt8(ascii: "{"):
            try object { cursor, _ throws(JSONError) in try cursor.skipValue() }
        case UInt8(ascii: "["): try array { cursor throws(JSONError) in try cursor.skipValue() }
        default: _ = try value()
        }
    }

    /// Checks that only white space is left.
    package mutating func end() throws(JSONError) {
        skipSpace()
        guard position == text.count else { throw failure("more text after the value: \(found)") }
    }

    // MARK: - Pieces

    private mutating func number() throws(JSONError) -> JSON {
        skipSpace()
        let start = position
        takesRaw("-")
        let wholeStart = position
        let wholeDigits = takeDigits()
        guard wholeDigits > 0 else { throw failure("expected a value, found \(found)") }
        guard wholeDigits == 1 || text[wholeStart] != UInt8(ascii: "0") else {
            throw failure("a number with a leading 0")
        }
        var isWhole = true
        if takesRaw(".") {
            isWhole = false
            guard takeDigits() > 0 else { throw failure("a number without digits after its point") }
        }
        if takesRaw("e") || takesRaw("E") {
            isWhole = false
            if !takesRaw("+") { takesRaw("-") }
            guard takeDigits() > 0 else { throw failure("a number without digits in its exponent") }
        }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        if numbersAreTexts { return .text(digits) }
        if isWhole, let integer = Int(digits) { return .integer(integer) }
        guard let double = Double(digits) else { throw failure("an invalid number") }
        return .number(double)
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        guard position < text.count else { throw failure("an escape that ends the text") }
        let byte = text[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try escapedScalar()
        default: throw failure("an unknown escape in a string")
        }
    }

    /// Reads an escape `\uXXXX` after its `u`; characters beyond 16 bits are a surrogate pair.
    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, takesRaw("\\"), takesRaw("u") else {
            throw failure("half of a surrogate pair in a string")
        }
        let second = try fourHexDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else {
            throw failure("half of a surrogate pair in a string")
        }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < text.count,
                let digit = Character(Unicode.Scalar(text[position])).hexDigitValue
            else {
                throw failure("an escape without four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func open(_ bracket: Unicode.Scalar, _ kind: String) throws(JSONError) {
        skipSpace()
        guard takesRaw(bracket) else { throw failure("expected \(kind), found \(found)") }
        nesting += 1
        guard nesting <= Self.nestingLimit else {
            throw failure("values nested deeper than \(Self.nestingLimit)")
        }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSONError) {
        guard takes(character) else {
            throw failure("expected \"\(character)\", found \(found)")
        }
    }

    private mutating func takes(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        return takesRaw(character)
    }

    @discardableResult
    private mutating func takesRaw(_ character: Unicode.Scalar) -> Bool {
        guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func takesWord(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        let matches = word.withUTF8Buffer { $0.elementsEqual(text[position...].prefix(length)) }
        if matches { position += length }
        return matches
    }

    private mutating func takeDigits() -> Int {
        let start = position
        while position < text.count,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position])
        {
            position += 1
        }
        return position - start
    }

    private mutating func skipSpace() {
        while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) {
            position += 1
        }
    }

    private var found: String {
        guard position < text.count else { return "the end of the text" }
        let byte = text[position]
        return (0x20..<0x7F).contains(byte)
            ? "\"\(Character(Unicode.Scalar(byte)))\"" : "byte 0x" + String(byte, radix: 16)
    }

    private func failure(_ problem: String) -> JSONError {
        JSONError(problem: problem, offset: offset)
    }
}
