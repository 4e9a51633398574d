// The tracks of a manifest, one after the other, from JSON lines or CSV. The format is described in
// docs/formats.md.

import Demucs
import WeightsLoader

/// A track of a manifest.
struct ManifestTrack {
    let line: Int
    let id: String
    let path: String
    /// The fields that the track sets, in the order of ``ManifestReader/fields``.
    let options: [(field: SeparationRequest.Field, value: String)]

    /// The value of `stems`.
    var stems: String? { options.first { $0.field.name == "stems" }?.value }
}

struct ManifestReader {
    /// The fields that a track may set: those that need no other model.
    static let fields = ["seed", "shifts", "overlap", "segment", "start", "duration", "stems"]
        .compactMap(SeparationRequest.field)
    private static let required = ["id", "path"]
    private static let keys = required + fields.map(\.name)

    private enum Source {
        case json(ManifestLines)
        /// - columns: column names in the first record.
        case csv(CSVRecords, columns: [String])
    }

    private let file: ManifestFile
    private var source: Source

    /// Reads up to the first track. The first character decides: `{` begins JSON lines, anything else
    /// the header of CSV.
    init(_ file: ManifestFile) throws(RunError) {
        self.file = file
        var lines = ManifestLines(file)
        var first: [UInt8] = []
        while first.allSatisfy(Self.isSpace) {
            guard let line = try lines.next() else {
                throw file.failure(nil, "the manifest has no tracks")
            }
            first = line
        }
        lines.putBack(first)
        if first.starts(with: "PAR1".utf8) {
            throw file.failure(
                nil,
                "is a Parquet file, expected JSON lines or CSV; convert it, or use the Python "
                    + "package, which reads Parquet")
        }
        if first.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "{") {
            source = .json(lines)
        } else {
            var records = CSVRecords(lines)
            let header = try records.next()
            source = .csv(records, columns: [])
            if let header {
                try check(header.fields, header.line)
                source = .csv(records, columns: header.fields)
            }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The next track; nil after the last.
    ///
    /// - Throws: `RunError` for an invalid line: syntax, keys, id and path. Values of options are
    ///   not checked.
    mutating func next() throws(RunError) -> ManifestTrack? {
        switch source {
        case .json(var lines):
            defer { source = .json(lines) }
            while let line = try lines.next() {
                if !line.allSatisfy(Self.isSpace) {
                    return try track(lines.number, try members(line, lines.number))
                }
            }
            return nil
        case .csv(var records, let columns):
            defer { source = .csv(records, columns: columns) }
            guard let (line, fields) = try records.next() else { return nil }
            guard fields.count == columns.count else {
                throw file.failure(
                    line,
                    "has \(fields.count) fields, expected the \(columns.count) of the "
                        + "header: " + columns.joined(separator: ", "))
            }
            // An empty field counts as no value.
            let pairs = zip(columns, fields).filter { !$1.isEmpty }
            return try track(line, Dictionary(uniqueKeysWithValues: pairs))
        }
    }

    // MARK: - Lines

    /// The members of a JSON object as text, without those that are null.
    private func members(_ text: [UInt8], _ line: Int) throws(RunError) -> [String: String] {
        var members: [String: String] = [:]
        do {
            var cursor = JSONCursor(text)
            try cursor.object { cursor, key in
                switch try cursor.value() {
                case .null: try checkKnown(key, line)
                case .string(let value): members[key] = value
                case .integer(let value): members[key] = "\(value)"
                case .number(let value): members[key] = "\(value)"
                default:
                    throw file.failure(line, "'\(key)' is no string and no number")
                }
            }
            try cursor.end()
        } catch let error as RunError {
            throw error
        } catch let error as FormatFailure {
            let place = error.offset.map { " at byte \($0 + 1)" } ?? ""
            throw file.failure(
                line,
                "is not a JSON object (\(error.problem)\(place)); expected one such as "
                    + #"{"id": "a1", "path": "a1.flac"}"#)
        } catch {
            throw file.failure(line, "\(error)")
        }
        return members
    }

    private func track(
        _ line: Int, _ values: [String: String]
    ) throws(RunError) -> ManifestTrack {
        for key in values.keys { try checkKnown(key, line) }
        guard let id = values["id"] else { throw missing("id", line) }
        guard let path = values["path"], !path.isEmpty else { throw missing("path", line) }
        if let problem = SeparationRequest.problem(withName: id) {
            throw file.failure(
                line, "the id '\(id)' \(problem): it becomes the name of a folder")
        }
        if path.utf8.contains(0) {
            throw file.failure(line, "the path has a zero byte; no file has such a name")
        }
        return ManifestTrack(
            line: line, id: id, path: path,
            options: Self.fields.compactMap { field in
                values[field.name].map { (field, $0) }
            })
    }

    private func missing(_ key: String, _ line: Int) -> RunError {
        file.failure(line, "has no '\(key)'; each track needs an id and a path")
    }

    // MARK: - Names

    /// Checks the columns of CSV.
    private func check(_ columns: [String], _ line: Int) throws(RunError) {
        for column in columns { try checkKnown(column, line) }
        for key in Self.required where !columns.contains(key) {
            throw file.failure(
                line,
                "the column '\(key)' is missing; the first line names the columns, at least "
                    + "id and path")
        }
        if let twice = columns.first(where: { name in columns.count { $0 == name } > 1 }) {
            throw file.failure(line, "the column '\(twice)' appears twice")
        }
    }

    private func checkKnown(_ key: String, _ line: Int) throws(RunError) {
        if !Self.keys.contains(key) {
            throw file.failure(
                line, "unknown key '\(key)'; expected one of " + Self.keys.joined(separator: ", "))
        }
    }
}
