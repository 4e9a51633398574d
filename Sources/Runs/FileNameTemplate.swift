import Demucs
import System

/// A template in the syntax of Python's format strings: `{track}/{stem}.{ext}`, `{{` and `}}` for braces.
package struct FileNameTemplate: Sendable {
    private let text: String
    /// The value of `{model}`.
    private var model = ""

    /// A folder for each track.
    package init() { text = "{track}/{stem}.{ext}" }

    /// - Throws: `RunError` for an unknown field, an unpaired brace or an empty name.
    package init(_ text: String) throws(RunError) {
        self.text = text
        if self.text.isEmpty || self.text.utf8.contains(0) { throw invalid("a name") }
        _ = try path(track: ("", ""), stem: "", format: .wav(.int16))
    }

    func naming(model: String) -> FileNameTemplate {
        var template = self
        template.model = model
        return template
    }

    /// The path of an output from the folder of the files, normalised.
    ///
    /// - Parameter track: the name and the extension of the track.
    /// - Throws: the errors of `init`.
    func path(
        track: (name: String, ending: String), stem: String, format: OutputFormat
    ) throws(RunError) -> String {
        let fields = [
            ("model", model), ("track", track.name), ("trackext", track.ending), ("stem", stem),
            ("Stem", stem.prefix(1).uppercased() + stem.dropFirst()), ("ext", format.fileExtension),
        ]
        let slash = UInt8(ascii: "/")
        var path: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "{") where rest.first == byte,
                UInt8(ascii: "}") where rest.first == byte:
                path.append(rest.removeFirst())
            case UInt8(ascii: "{"):
                let name = String(decoding: rest.prefix { $0 != UInt8(ascii: "}") }, as: UTF8.self)
                rest = rest.dropFirst(name.utf8.count)
                guard rest.popFirst() != nil, let field = fields.first(where: { $0.0 == name })
                else {
                    let names = fields.map { "{\($0.0)}" }.joined(separator: ", ")
                    throw invalid("only the fields \(names); write '{{' or '}}' for a brace")
                }
                path += field.1.utf8
            case UInt8(ascii: "}"): throw invalid("'}}' for a brace outside of a field")
            default: path.append(byte)
            }
        }
        // An empty value makes no path from the root.
        if text.utf8.first != slash { path = Array(path.drop { $0 == slash }) }
        return FilePath.normalised(String(decoding: path, as: UTF8.self))
    }

    /// Checks that different ids always give different files, for all possible ids.
    ///
    /// Two outputs can collide if the text around their ids fits together: with `{track}_{stem}`,
    /// the id `a` with `no_vocals` and the id `a_no` with `vocals`.
    func checkIDsDecide(outputs: [String], format: OutputFormat) throws(RunError) {
        // No id has a control character.
        let mark: Unicode.Scalar = "\u{1}"
        let around = try outputs.map { output throws(RunError) in
            let path = try path(track: ("\(mark)", ""), stem: output, format: format)
            return path.unicodeScalars.split(separator: mark, omittingEmptySubsequences: false)
                .map { String(Substring($0)) }
        }
        for (index, first) in around.enumerated() {
            let others = around[(index + 1)...]
            let meets = others.contains { other in
                let heads = (first[0], other[0])
                let tails = (first[first.count - 1], other[other.count - 1])
                return (heads.0.hasPrefix(heads.1) || heads.1.hasPrefix(heads.0))
                    && (tails.0.hasSuffix(tails.1) || tails.1.hasSuffix(tails.0))
            }
            if first.count < 2 || meets {
                throw invalid(
                    "{track}, which is the id, and {stem} in a way that no two tracks can share a "
                        + "file, such as {track}/{stem}.{ext}")
            }
        }
    }

    func invalid(_ expected: String) -> RunError {
        .request(.invalidValue(field: "filename", value: text, expected: expected))
    }

    /// A file's name without its extension, and the extension.
    ///
    /// A name that would become empty, `.` or `..` (`.wav`, `..wav`, `...wav`) stays whole.
    static func split(_ file: String) -> (name: String, ending: String) {
        // By bytes: as a Character, a dot with a combining mark is not equal to a dot.
        guard let dot = file.utf8.lastIndex(of: UInt8(ascii: ".")) else { return (file, file) }
        let name = String(file[..<dot])
        let ending = String(file[file.utf8.index(after: dot)...])
        return (["", ".", ".."].contains(name) ? file : name, ending)
    }
}
