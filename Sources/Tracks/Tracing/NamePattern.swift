// Also Embedded Swift: typed throws, no key paths, no casts.
// Patterns of tensor names.

/// A name pattern in which `*` stands for any characters and `?` for one character.
package struct NamePattern: Sendable, Equatable {
    package let text: String
    private let characters: [Unicode.Scalar]

    package init(_ text: String) {
        self.text = text
        characters = Array(text.unicodeScalars)
    }

    /// Reads a list of patterns separated by commas.
    package static func list(_ text: String) -> [NamePattern] {
        text.split(separator: ",").map { NamePattern(String($0)) }
    }

    package func matches(_ name: String) -> Bool {
        let name = Array(name.unicodeScalars)
        var (place, at) = (0, 0)
        /// The position of the last star in the pattern, and the end of its match in the name.
        var star: (place: Int, at: Int)?
        while at < name.count {
            if place < characters.count, characters[place] == "*" {
                star = (place, at)
                place += 1
            } else if place < characters.count,
                characters[place] == "?" || characters[place] == name[at]
            {
                place += 1
                at += 1
            } else if let last = star {
                star = (last.place, last.at + 1)
                place = last.place + 1
                at = last.at + 1
            } else {
                return false
            }
        }
        return characters[place...].allSatisfy { $0 == "*" }
    }

    /// Values that a pattern selects only if it names them: attention weights, as many as pairs of
    /// tokens, and skips, which repeat other values.
    private static let onRequest = [NamePattern("*.weights.*"), NamePattern("*.skip")]

    /// Whether the pattern selects a value of a probe.
    package func selects(_ name: String) -> Bool {
        Self.onRequest.allSatisfy { !$0.matches(name) || $0.matches(text) } && matches(name)
    }
}
