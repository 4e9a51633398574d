// The part of YAML 1.1 that bags of models are written in. A whole YAML library would be this
// package's only dependency for three keys.
//
//     # comment                                    a mapping at the margin, plain keys
//     models: ['f7e0c4bc', d12395a8]               flow lists of scalars and lists, over any number
//     weights: [                                   of lines, with or without a last comma
//       [1., 0.], [0., 1.],
//     ]
//     segment: 44                                  plain, 'single' and "double" quoted scalars
//     models:                                      block lists, as yaml.dump writes them
//     - f7e0c4bc
//
// Everything else (anchors, tags, nested mappings, multi-line text) is an error that names its line.

/// A value of the mapping and the line that it begins on.
struct YAMLNode: Equatable {
    enum Content: Equatable {
        case scalar(String, isQuoted: Bool)
        case list([YAMLNode])
    }

    let content: Content
    let line: Int

    func failure(_ problem: String) -> YAMLFailure { YAMLFailure(line: line, problem: problem) }

    /// The items of a list.
    var items: [YAMLNode]? {
        if case .list(let items) = content { items } else { nil }
    }

    /// A scalar as it is written.
    var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    /// A finite decimal number, not quoted.
    var number: Double? {
        guard case .scalar(let text, isQuoted: false) = content,
            text.allSatisfy({ $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }

    /// Whether there is no value: `null`, `~` or nothing.
    var isNull: Bool {
        content == .scalar("", isQuoted: false) || content == .scalar("~", isQuoted: false)
            || content == .scalar("null", isQuoted: false)
    }
}

/// Text outside of the part of YAML that is read.
struct YAMLFailure: Error, Equatable {
    let line: Int
    let problem: String
}

/// Reads the mapping of a whole file.
enum YAMLMapping {
    /// - Throws: ``YAMLFailure``, also for a key given twice.
    static func parse(_ text: String) throws(YAMLFailure) -> [String: YAMLNode] {
        var parser = YAMLParser(text)
        return try parser.mapping()
    }
}

/// A cursor over the file's characters.
private struct YAMLParser {
    /// Nesting of lists; bags need two levels.
    private static let depthLimit = 8

    private let characters: [Unicode.Scalar]
    private var position = 0
    private var line = 1

    init(_ text: String) {
        // Line ends of all systems count as one character.
        var characters: [Unicode.Scalar] = []
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            if scalar == "\n" && previous == "\r" {
                characters[characters.count - 1] = "\n"
            } else {
                characters.append(scalar)
            }
            previous = scalar
        }
        self.characters = characters
    }

    private var next: Unicode.Scalar? {
        position < characters.count ? characters[position] : nil
    }

    private var previous: Unicode.Scalar? { position > 0 ? characters[position - 1] : nil }

    private func failure(_ problem: String) -> YAMLFailure {
        YAMLFailure(line: line, problem: problem)
    }

    private mutating func advance() {
        if next == "\n" { line += 1 }
        position += 1
    }

    /// Takes a character if it is the next one.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == character else { return false }
        advance()
        return true
    }

    private mutating func skipSpaces() {
        while next == " " || next == "\t" { advance() }
    }

    /// Passes over spaces, line ends and comments. A `#` begins a comment at a line's start and after a space.
    private mutating func skipBlank() {
        while let character = next {
            switch character {
            case " ", "\t", "\n", "\r": advance()
            case "#" where previous == nil || " \t\n\r".unicodeScalars.contains(previous ?? " "):
                while next != nil && next != "\n" { advance() }
            default: return
            }
        }
    }

    private var isAtMargin: Bool { position == 0 || previous == "\n" }

    mutating func mapping() throws(YAMLFailure) -> [String: YAMLNode] {
        _ = take("\u{FEFF}")
        skipBlank()
        if take("-") {
            guard take("-"), take("-") else { throw failure("a mapping of keys was expected") }
            try endLine()
            skipBlank()
        }
        var entries: [String: YAMLNode] = [:]
        while next != nil {
            guard isAtMargin else {
                throw failure("a key was expected at the start of the line")
            }
            let keyLine = line
            let key = try plain(isInFlow: false, isKey: true)
            guard take(":"), next == nil || " \t\n\r".unicodeScalars.contains(next ?? " ") else {
                throw failure("the key '\(key)' must be followed by ': '")
            }
            let value = try value()
            if entries.updateValue(value, forKey: key) != nil {
                throw YAMLFailure(line: keyLine, problem: "the key '\(key)' is given twice")
            }
            skipBlank()
        }
        return entries
    }

    /// Reads the value after a key: a scalar or a flow list on the same line, or a block list below.
    private mutating func value() throws(YAMLFailure) -> YAMLNode {
        skipSpaces()
        switch next {
        case nil, "\n", "\r", "#":
            let start = line
            skipBlank()
            if next == "-", let column = blockColumn() {
                return try blockList(column: column, depth: 1)
            }
            return YAMLNode(content: .scalar("", isQuoted: false), line: start)
        default:
            let node = try flowNode(depth: 1, isInFlow: false)
            try endLine()
            return node
        }
    }

    /// The column of a `- ` that begins an item here.
    private func blockColumn() -> Int? {
        let following = position + 1 < characters.count ? characters[position + 1] : "\n"
        guard " \t\n\r".unicodeScalars.contains(following) else { return nil }
        let start = characters[..<position].lastIndex(of: "\n").map { $0 + 1 } ?? 0
        return position - start
    }

    private mutating func blockList(column: Int, depth: Int) throws(YAMLFailure) -> YAMLNode {
        guard depth <= Self.depthLimit else { throw failure("lists are nested too deeply") }
        let start = line
        var items: [YAMLNode] = []
        while next == "-", blockColumn() == column {
            advance()
            skipSpaces()
            if next == "-", let inner = blockColumn() {
                items.append(try blockList(column: inner, depth: depth + 1))
            } else {
                items.append(try flowNode(depth: depth + 1, isInFlow: false))
                try endLine()
            }
            skipBlank()
        }
        return YAMLNode(content: .list(items), line: start)
    }

    /// A flow list or a scalar.
    private mutating func flowNode(depth: Int, isInFlow: Bool) throws(YAMLFailure) -> YAMLNode {
        guard depth <= Self.depthLimit else { throw failure("lists are nested too deeply") }
        let start = line
        switch next {
        case "[":
            advance()
            var items: [YAMLNode] = []
            skipBlank()
            while !take("]") {
                items.append(try flowNode(depth: depth + 1, isInFlow: true))
                skipBlank()
                if take(",") {
                    skipBlank()
                } else if next != "]" {
                    throw failure(
                        next == nil
                            ? "the list begun on line \(start) has no end"
                            : "',' or ']' was expected in a list")
                }
            }
            return YAMLNode(content: .list(items), line: start)
        case "'", "\"":
            return YAMLNode(content: .scalar(try quoted(), isQuoted: true), line: start)
        default:
            let text = try plain(isInFlow: isInFlow, isKey: false)
            return YAMLNode(content: .scalar(text, isQuoted: false), line: start)
        }
    }

    /// A quoted scalar on one line. `''` is a single quote within single quotes; escapes within
    /// double quotes are not read.
    private mutating func quoted() throws(YAMLFailure) -> String {
        let quote = next
        advance()
        var text = String.UnicodeScalarView()
        while let character = next {
            if character == "\n" || (character == "\\" && quote == "\"") { break }
            advance()
            if character != quote {
                text.append(character)
            } else if quote == "'" && next == "'" {
                text.append(character)
                advance()
            } else {
                return String(text)
            }
        }
        throw failure("a quoted text must end on its line and can't hold escapes")
    }

    /// A plain scalar, up to a comment, the line's end, or a list's next comma or bracket.
    private mutating func plain(isInFlow: Bool, isKey: Bool) throws(YAMLFailure) -> String {
        if let first = next, "[]{},&*!|>'\"%@`?-#".unicodeScalars.contains(first) {
            let isNumber =
                first == "-" && position + 1 < characters.count
                && (("0"..."9").contains(characters[position + 1])
                    || characters[position + 1] == ".")
            if !isNumber { throw failure("unexpected '\(first)'") }
        }
        var text = String.UnicodeScalarView()
        scan: while let character = next {
            switch character {
            case "\n", "\r": break scan
            case "#" where previous == " " || previous == "\t": break scan
            case _ where isInFlow && ",[]{}".unicodeScalars.contains(character): break scan
            case ":" where isKey: break scan
            case ":" where isInFlow || followedBySpace():
                throw failure("a mapping within a value is not expected")
            default:
                text.append(character)
                advance()
            }
        }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        guard !text.isEmpty else { throw failure("a value was expected") }
        return String(text)
    }

    private func followedBySpace() -> Bool {
        position + 1 >= characters.count
            || " \t\n\r".unicodeScalars.contains(characters[position + 1])
    }

    /// Passes over the rest of this line, which may hold a comment and nothing else.
    private mutating func endLine() throws(YAMLFailure) {
        skipSpaces()
        if next == "#", previous == " " || previous == "\t" {
            while next != nil && next != "\n" { advance() }
        }
        if next == "\r" { advance() }
        guard next == nil || next == "\n" else {
            throw failure("nothing more was expected on this line")
        }
    }
}
