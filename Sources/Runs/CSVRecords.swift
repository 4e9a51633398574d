// Comma-separated values by RFC 4180: quoted fields may hold commas, doubled quotes and line breaks.

struct CSVRecords {
    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")

    private(set) var lines: ManifestLines

    init(_ lines: ManifestLines) { self.lines = lines }

    /// The next record and the number of its first line; empty lines are skipped.
    ///
    /// - Returns: nil after the last record.
    mutating func next() throws(RunError) -> (line: Int, fields: [String])? {
        var bytes: [UInt8] = []
        while bytes.isEmpty {
            guard let line = try lines.next() else { return nil }
            bytes = line
        }
        let line = lines.number
        var fields: [String] = []
        var index = 0
        while true {
            let field =
                index < bytes.count && bytes[index] == Self.quote
                ? try quotedField(&bytes, &index, line) : try plainField(bytes, &index)
            guard let text = String(validating: field, as: UTF8.self) else {
                throw lines.file.failure(line, "field \(fields.count + 1) is not UTF-8")
            }
            fields.append(text)
            if index == bytes.count { return (line, fields) }
            index += 1
        }
    }

    private func plainField(_ bytes: [UInt8], _ index: inout Int) throws(RunError) -> [UInt8] {
        let field = bytes[index...].prefix { $0 != Self.comma }
        if field.contains(Self.quote) {
            throw lines.file.failure(
                lines.number,
                "a quote inside a field; put the whole field in quotes and write "
                    + "its quotes twice")
        }
        index = field.endIndex
        return Array(field)
    }

    /// - Parameters:
    ///   - bytes: the present line; after a line break in the field, the next one.
    ///   - index: position of the opening quote; afterwards the position behind the closing one.
    private mutating func quotedField(
        _ bytes: inout [UInt8], _ index: inout Int, _ firstLine: Int
    ) throws(RunError) -> [UInt8] {
        var field: [UInt8] = []
        index += 1
        while true {
            if index == bytes.count {
                guard field.count <= ManifestLines.longestLineBytes, let more = try lines.next()
                else {
                    throw lines.file.failure(firstLine, "a quoted field without its closing quote")
                }
                field.append(UInt8(ascii: "\n"))
                (bytes, index) = (more, 0)
                continue
            }
            let byte = bytes[index]
            index += 1
            if byte != Self.quote {
                field.append(byte)
            } else if index < bytes.count, bytes[index] == Self.quote {
                field.append(byte)
                index += 1
            } else {
                break
            }
        }
        guard index == bytes.count || bytes[index] == Self.comma else {
            throw lines.file.failure(
                lines.number, "text after a closing quote; expected a comma or the line's end")
        }
        return field
    }
}
