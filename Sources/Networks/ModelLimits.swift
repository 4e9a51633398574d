// Also Embedded Swift: typed throws, no key paths, no casts.
// Limits of every model: of its activations, and of the names of its stems.

import System

package enum ModelLimits {
    /// Values in the largest activation, 8 GiB of float32: over a hundred times as many as a
    /// published model needs for a segment.
    package static let activation = 2_147_483_648.0
    private static let sources = 1...256
    /// UTF-8 bytes of a source's name: file systems allow 255 with the extension.
    private static let sourceNameBytes = 200

    /// Checks the names of a model's stems, which become file names.
    ///
    /// - Parameter key: the argument that has them.
    package static func check(_ sources: [String], key: String) throws(ConfigurationError) {
        guard self.sources.contains(sources.count) else {
            throw .invalid(
                key: key, found: "\(sources.count) sources",
                allowed:
                    "there must be \(self.sources.lowerBound) to \(self.sources.upperBound)")
        }
        var seen = Set<String>()
        for name in sources {
            if let problem = problem(ofName: name) {
                throw .invalid(
                    key: key, found: quoted(name),
                    allowed: "a source's name becomes a file's, and this one \(problem)")
            }
            // Some file systems do not distinguish upper and lower case.
            guard seen.insert(name.foldedASCII).inserted else {
                throw .invalid(
                    key: key, found: quoted(name), allowed: "two sources may not share a name")
            }
        }
    }

    private static func problem(ofName name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name == "." || name == ".." { return "is the name of a folder" }
        if name.utf8.count > sourceNameBytes {
            return "is longer than \(sourceNameBytes) bytes"
        }
        if name.unicodeScalars.contains(where: { "/\\".unicodeScalars.contains($0) }) {
            return "contains a path separator"
        }
        if name.unicodeScalars.contains(where: { $0.isControl }) {
            return "contains a control character"
        }
        return nil
    }

    private static func quoted(_ name: String) -> String {
        String(name.prefix(80)).quotedAsJSON + (name.count > 80 ? "…" : "")
    }
}
