// Text of reports: aligned tables, figures, JSON.

import Foundation

enum TextTable {
    /// Rows with columns as wide as their widest cell: names to the left, figures to the right, no
    /// trailing spaces.
    ///
    /// - Parameter names: indices of the left-aligned columns.
    static func aligned(_ rows: [[String]], names: Set<Int> = [0]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                names.contains(column) ? padded(cell.0, to: cell.1) : padding(cell.0, to: cell.1)
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// One row: a name to the left, cells of one width to the right.
    static func line(
        _ name: String, width nameWidth: Int, _ cells: [String], width cellWidth: Int
    ) -> String {
        ([padded(name, to: nameWidth)] + cells.map { padding($0, to: cellWidth) })
            .joined(separator: "  ")
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func padding(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

extension Double {
    /// The number with a fixed number of decimals.
    func fixed(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }

    /// An SNR in dB: one decimal, `equal` for infinite, `none` where nothing can be compared.
    var decibelText: String { isFinite ? fixed(1) : self > 0 ? "equal" : "none" }
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

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for case (let name, let value?) in members {
            try container.encode(value, forKey: Name(stringValue: name))
        }
    }
}

/// JSON with sorted keys. Infinite numbers become the strings `Infinity` and `-Infinity`.
enum JSONText {
    /// Indented JSON.
    ///
    /// - Parameter keys: by default, names of Swift's properties become `snake_case`.
    static func of(
        _ value: some Encodable, keys: JSONEncoder.KeyEncodingStrategy = .convertToSnakeCase
    ) -> String {
        text(value, [.prettyPrinted], keys)
    }

    /// JSON on one line, with keys in `snake_case`.
    static func line(_ value: some Encodable) -> String { text(value, [], .convertToSnakeCase) }

    private static func text(
        _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting,
        _ keys: JSONEncoder.KeyEncodingStrategy
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

    /// Reads text that `of` wrote.
    static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}
