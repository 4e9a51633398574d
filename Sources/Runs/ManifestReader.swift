// The tracks of a manifest, one after the other. The format is described in docs/formats.md.

import Demucs
import System

struct ManifestTrack {
    let line: Int
    let id: String
    let path: String
    /// The fields that the track sets, in the order of ``ManifestReader/fields``.
    let options: [(field: SeparationRequest.Field, value: String)]

    var stems: String? { options.first { $0.field.name == "stems" }?.value }
}

struct ManifestReader {
    /// The fields that a track may set: those that need no other model.
    static let fields = ["seed", "shifts", "overlap", "segment", "start", "duration", "stems"]
        .compactMap(SeparationRequest.field)
    private static let keys = ["id", "path"] + fields.map(\.name)

    private var lines: ManifestLines
    private var file: ManifestFile { lines.file }

    init(_ file: ManifestFile) { lines = ManifestLines(file) }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The next track; nil after the last.
    ///
    /// - Throws: `RunError` for an invalid line: syntax, keys, id and path. Values of options are
    ///   not checked.
    mutating func next() throws(RunError) -> ManifestTrack? {
        while let line = try lines.next() {
            if let first = line.first(where: { !Self.isSpace($0) }) {
                // Tables begin with the names of their columns.
                if lines.number == 1, first != UInt8(ascii: "{") {
                    throw file.failure(
                        1,
                        "does not begin with '{', expected a JSON object on each line; convert a "
                            + "table of CSV or Parquet to JSON lines")
                }
                return try track(lines.number, try values(line, lines.number))
            }
        }
        return nil
    }

    // MARK: - Lines

    /// The values of a JSON object as text, without those that are null.
    private func values(_ text: [UInt8], _ line: Int) throws(RunError) -> [String: String] {
        let values: [(key: String, value: JSON)]
        do throws(JSONError) { values = try JSONCursor.members(of: text) } catch {
            throw file.failure(
                line,
                "is not a JSON object (\(error.problem) at byte \(error.offset + 1)); expected one such as "
                    + #"{"id": "a1", "path": "a1.flac"}"#)
        }
        var texts: [String: String] = [:]
        for (key, value) in values {
            guard Self.keys.contains(key) else {
                throw file.failure(
                    line,
                    "unknown key '\(key)'; expected one of " + Self.keys.joined(separator: ", "))
            }
            switch value {
            case .null: break
            case .text(let value): texts[key] = value
            default: throw file.failure(line, "'\(key)' is no string and no number")
            }
        }
        return texts
    }

    private func track(
        _ line: Int, _ values: [String: String]
    ) throws(RunError) -> ManifestTrack {
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
}
