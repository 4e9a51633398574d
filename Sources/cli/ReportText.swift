// Text of reports: aligned tables, numbers, JSON.

import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum TextTable {
    /// Rows with columns as wide as their widest cell: names left-aligned, numbers right-aligned,
    /// no trailing spaces.
    ///
    /// - Parameter names: indices of the left-aligned columns.
    static func aligned(_ rows: [[String]], names: Set<Int> = [0]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                padded(cell.0, to: cell.1, isLeft: names.contains(column))
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// One row: a left-aligned name, then right-aligned cells of one width.
    static func line(
        _ name: String, width nameWidth: Int, _ cells: [String], width cellWidth: Int
    ) -> String {
        ([padded(name, to: nameWidth, isLeft: true)]
            + cells.map { padded($0, to: cellWidth, isLeft: false) })
            .joined(separator: "  ")
    }

    private static func padded(_ text: String, to width: Int, isLeft: Bool) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        return isLeft ? text + padding : padding + text
    }
}

extension Double {
    /// An SNR in dB: one decimal, `equal` for infinite, `none` if nothing can be compared.
    var decibelText: String { isFinite ? fixed(1) : self > 0 ? "equal" : "none" }
}

extension Int {
    /// A number of bytes in MB.
    func megabytes(_ digits: Int = 1) -> String { (Double(self) / 1e6).fixed(digits) }
}

/// A JSON object with values of different types. Members that are nil are left out.
struct JSONObject: Encodable, ExpressibleByDictionaryLiteral {
    private struct Name: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let members: [(String, (any Encodable)?)]

    init(dictionaryLiteral members: (String, (any Encodable)?)...) {
        self.members = members
    }

    private init(_ members: [(String, (any Encodable)?)]) { self.members = members }

    static func + (first: JSONObject, second: JSONObject) -> JSONObject {
        JSONObject(first.members + second.members)
    }

    /// The members of a fixed schema: null where this object has no value.
    func filled(_ names: [String]) -> JSONObject {
        JSONObject(
            names.map { name in
                (name, members.last { $0.0 == name }?.1 ?? Null())
            })
    }

    private struct Null: Encodable {
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for case (let name, let value?) in members {
            try container.encode(value, forKey: Name(stringValue: name))
        }
    }
}

/// JSON with sorted keys. Infinite numbers become the strings `Infinity` and `-Infinity`.
enum JSONText {
    /// - Parameters:
    ///   - formatting: by default indented; `[]` for one line.
    ///   - keys: by default, names of Swift's properties become `snake_case`.
    static func of(
        _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting = .prettyPrinted,
        keys: JSONEncoder.KeyEncodingStrategy = .convertToSnakeCase
    ) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.keyEncodingStrategy = keys
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        // Strings and floats with that strategy can always be encoded.
        let data = (try? encoder.encode(value)) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads a file with text that `of` wrote; nil if that fails.
    static func read<Value: Decodable>(_ path: String) -> Value? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(Value.self, from: Data(readFile(path)))
    }
}
