// A parser for the part of YAML 1.1 that bags and configurations of models use. A YAML library would
// be this package's only dependency, for two kinds of files.
//
//     # comment                                    a mapping at the margin, plain keys
//     models: ['f7e0c4bc', d12395a8]               flow lists of scalars and lists, over any number
//     weights: [                                   of lines, with or without a last comma
//       [1., 0.], [0., 1.],
//     ]
//     segment: 44                                  plain, 'single' and "double" quoted scalars
//     model:                                       mappings in mappings
//       freqs_per_bands: !!python/tuple            block lists, as yaml.dump writes them; a tuple is
//       - 2                                        a list
//     instruments: &id001 [vocals, other]          anchors and aliases, as yaml.dump writes a value
//     stems: *id001                                that it meets twice
//     ...                                          the end
//
// Everything else (other tags, mappings in flow lists, multi-line text) is an error that names its
// line.

/// A value and the line that it begins on.
struct YAMLNode: Equatable {
    enum Content: Equatable {
        case scalar(String, isQuoted: Bool)
        case list([YAMLNode])
        case mapping([String: YAMLNode])
    }

    let content: Content
    let line: Int

    func failure(_ problem: String) -> YAMLFailure { YAMLFailure(line: line, problem: problem) }

    /// Number of scalars, lists and mappings, and how deep they are nested.
    var extent: (count: Int, depth: Int) {
        let inner: [YAMLNode] =
            switch content {
            case .scalar: []
            case .list(let items): items
            case .mapping(let entries): Array(entries.values)
            }
        return inner.map(\.extent).reduce((1, 0)) { ($0.0 + $1.count, max($0.1, $1.depth + 1)) }
    }

    var items: [YAMLNode]? {
        if case .list(let items) = content { items } else { nil }
    }

    /// A scalar as written.
    var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    /// A finite decimal number, not quoted.
    var number: Double? {
        guard case .scalar(let text, isQuoted: false) = content else { return nil }
        return Self.finite(text)
    }

    static func finite(_ text: String) -> Double? {
        guard text.allSatisfy({ $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }

    /// Whether the value is null: `null`, `~` or nothing.
    var isNull: Bool {
        if case .scalar(let text, isQuoted: false) = content {
            ["", "~", "null"].contains(text)
        } else {
            false
        }
    }
}

/// An error for text outside of the supported part of YAML.
struct YAMLFailure: Error, Equatable {
    let line: Int
    let problem: String
}

/// A cursor over a file's characters.
struct YAMLParser {
    /// Limit of the nesting; bags need two levels, configurations three.
    private static let depthLimit = 8
    /// Limit of the values that aliases repeat: nested ones could repeat billions.
    private static let repeatedLimit = 65_536

    private let characters: [Unicode.Scalar]
    private var position = 0
    private var line = 1
    private var anchors: [String: YAMLNode] = [:]
    private var repeatedCount = 0

    init(_ text: String) {
        var characters = Array(text.unicodeScalars)
        if characters.first == "\u{FEFF}" { characters.removeFirst() }
        self.characters = characters
    }

    /// Reads the mapping of the whole file.
    ///
    /// - Throws: ``YAMLFailure``, also for a key given twice.
    mutating func mapping() throws(YAMLFailure) -> [String: YAMLNode] {
        skipBlank()
        if take("-") {
            guard take("-"), take("-") else { throw failure("a mapping of keys was expected") }
            try endLine()
            skipBlank()
        }
        let entries = try entries(column: 0, depth: 0)
        if isDocumentEnd {
            for _ in 0..<3 { advance() }
            skipBlank()
        }
        guard next() == nil else { throw failure("a key was expected at the start of the line") }
        return entries
    }

    // MARK: - Values

    /// Reads the keys that begin in a column, with their values.
    private mutating func entries(
        column: Int, depth: Int
    ) throws(YAMLFailure) -> [String: YAMLNode] {
        guard depth <= Self.depthLimit else { throw failure("mappings are nested too deeply") }
        var entries: [String: YAMLNode] = [:]
        while next() != nil, self.column == column, !isDocumentEnd {
            let keyLine = line
            let key = try plain(isInFlow: false, isKey: true)
            if key == "<<" { throw failure("merging of mappings (<<) is not read") }
            guard take(":"), isBlank(0) else {
                throw failure("the key '\(key)' must be followed by ': '")
            }
            let value = try value(below: column, depth: depth + 1)
            if entries.updateValue(value, forKey: key) != nil {
                throw YAMLFailure(line: keyLine, problem: "the key '\(key)' is given twice")
            }
            skipBlank()
        }
        return entries
    }

    /// Reads the value after a key or an item's dash: a scalar or a flow list on the same line, or a
    /// block list or a mapping below.
    ///
    /// - Parameter column: the least column of a list below; a mapping is indented further.
    private mutating func value(below column: Int, depth: Int) throws(YAMLFailure) -> YAMLNode {
        skipBlank(acrossLines: false)
        let tagged = try tagged(depth) { parser throws(YAMLFailure) in
            try parser.value(below: column, depth: depth + 1)
        }
        if let tagged { return tagged }
        let start = line
        guard next() == nil || next() == "\n" else {
            let node = try flowNode(depth: depth, isInFlow: false)
            try endLine()
            return node
        }
        skipBlank()
        if isItem, self.column >= column { return try blockList(depth: depth) }
        // PyYAML may write a tuple's tag on a line of its own.
        if next() == "!", self.column > column { return try value(below: column, depth: depth + 1) }
        guard next() != nil, self.column > column else {
            return YAMLNode(content: .scalar("", isQuoted: false), line: start)
        }
        let first = line
        return YAMLNode(
            content: .mapping(try entries(column: self.column, depth: depth)), line: first)
    }

    /// Reads a value with an anchor or PyYAML's tag of tuples; nil if neither comes next.
    private mutating func tagged(
        _ depth: Int, _ read: (inout YAMLParser) throws(YAMLFailure) -> YAMLNode
    ) throws(YAMLFailure) -> YAMLNode? {
        guard depth <= Self.depthLimit else { throw failure("values are nested too deeply") }
        if takeTupleTag() {
            let node = try read(&self)
            if node.items == nil { throw failure("a list was expected after !!python/tuple") }
            return node
        }
        guard take("&") else { return nil }
        let anchor = try anchorName()
        guard isBlank(0) else { throw failure("a space was expected after an anchor") }
        let node = try read(&self)
        anchors[anchor] = node
        return node
    }

    private mutating func anchorName() throws(YAMLFailure) -> String {
        let name = characters[position...].prefix {
            $0.isASCII && $0.properties.isAlphabetic || "0123456789-_".unicodeScalars.contains($0)
        }
        position += name.count
        guard !name.isEmpty else { throw failure("a name was expected after & or *") }
        return String(String.UnicodeScalarView(name))
    }

    /// The value of an anchor before this place.
    private mutating func alias(depth: Int) throws(YAMLFailure) -> YAMLNode {
        let name = try anchorName()
        guard let node = anchors[name] else {
            throw failure("no anchor &\(name) precedes *\(name)")
        }
        let extent = node.extent
        repeatedCount += extent.count
        guard repeatedCount <= Self.repeatedLimit, depth + extent.depth <= Self.depthLimit else {
            throw failure("aliases repeat too many values, or nest them too deeply")
        }
        return node
    }

    /// PyYAML's tag of Python's tuples.
    private mutating func takeTupleTag() -> Bool {
        let tag = "!!python/tuple".unicodeScalars
        guard tag.enumerated().allSatisfy({ next($0) == $1 }), isBlank(tag.count) else {
            return false
        }
        for _ in tag { advance() }
        return true
    }

    /// Reads the items that begin in this column.
    private mutating func blockList(depth: Int) throws(YAMLFailure) -> YAMLNode {
        guard depth <= Self.depthLimit else { throw failure("lists are nested too deeply") }
        let (start, column) = (line, column)
        var items: [YAMLNode] = []
        while isItem, self.column == column {
            advance()
            skipBlank(acrossLines: false)
            items.append(
                isItem
                    ? try blockList(depth: depth + 1)
                    : try value(below: column + 1, depth: depth + 1))
            skipBlank()
        }
        return YAMLNode(content: .list(items), line: start)
    }

    /// Reads a flow list, a scalar or an alias.
    private mutating func flowNode(depth: Int, isInFlow: Bool) throws(YAMLFailure) -> YAMLNode {
        guard depth <= Self.depthLimit else { throw failure("lists are nested too deeply") }
        skipBlank(acrossLines: false)
        let tagged = try tagged(depth) { parser throws(YAMLFailure) in
            try parser.flowNode(depth: depth + 1, isInFlow: isInFlow)
        }
        if let tagged { return tagged }
        if take("*") { return try alias(depth: depth) }
        let start = line
        if next() == "'" || next() == "\"" {
            return YAMLNode(content: .scalar(try quoted(), isQuoted: true), line: start)
        }
        guard take("[") else {
            let text = try plain(isInFlow: isInFlow, isKey: false)
            return YAMLNode(content: .scalar(text, isQuoted: false), line: start)
        }
        var items: [YAMLNode] = []
        skipBlank()
        while !take("]") {
            items.append(try flowNode(depth: depth + 1, isInFlow: true))
            skipBlank()
            guard next() != nil else {
                throw failure("the list begun on line \(start) has no end")
            }
            guard take(",") || next() == "]" else {
                throw failure("',' or ']' was expected in a list")
            }
            skipBlank()
        }
        return YAMLNode(content: .list(items), line: start)
    }

    /// Reads a quoted scalar on one line. `''` is a single quote within single quotes; escapes within
    /// double quotes are not read.
    private mutating func quoted() throws(YAMLFailure) -> String {
        let quote = next()
        advance()
        var text = String.UnicodeScalarView()
        while let character = next(), character != "\n", character != "\\" || quote == "'" {
            advance()
            if character == quote {
                guard quote == "'", take("'") else { return String(text) }
            }
            text.append(character)
        }
        throw failure("a quoted text must end on its line and can't hold escapes")
    }

    /// Reads a plain scalar, up to a comment, the line's end, or a list's next comma or bracket.
    private mutating func plain(isInFlow: Bool, isKey: Bool) throws(YAMLFailure) -> String {
        if let first = next(), "[]{},&*!|>'\"%@`?-#".unicodeScalars.contains(first) {
            let isNumber =
                first == "-" && (next(1).map { "0123456789.".unicodeScalars.contains($0) } ?? false)
            if !isNumber { throw failure("unexpected '\(first)'") }
        }
        var text = String.UnicodeScalarView()
        scan: while let character = next() {
            switch character {
            case "\n": break scan
            case "#" where isBlank(-1): break scan
            case _ where isInFlow && ",[]{}".unicodeScalars.contains(character): break scan
            case ":" where isKey: break scan
            case ":" where isInFlow || isBlank(1):
                throw failure("a mapping within a value is not expected")
            default:
                text.append(character)
                advance()
            }
        }
        while let last = text.last, Self.spaces.contains(last) { text.removeLast() }
        guard !text.isEmpty else { throw failure("a value was expected") }
        return String(text)
    }

    // MARK: - Characters

    /// A line may end in CR LF: the CR counts as a space.
    private static let spaces: Set<Unicode.Scalar> = [" ", "\t", "\r"]

    /// The character at a distance from the cursor; nil outside the text.
    private func next(_ distance: Int = 0) -> Unicode.Scalar? {
        let index = position + distance
        return characters.indices.contains(index) ? characters[index] : nil
    }

    private func isBlank(_ distance: Int) -> Bool {
        next(distance).map { $0 == "\n" || Self.spaces.contains($0) } ?? true
    }

    /// Whether the `- ` of a block list's item comes next.
    private var isItem: Bool { next() == "-" && isBlank(1) }

    /// Whether the mark of a document's end comes next.
    private var isDocumentEnd: Bool {
        (0..<3).allSatisfy { next($0) == "." } && isBlank(3) && column == 0
    }

    private var column: Int {
        position - (characters[..<position].lastIndex(of: "\n").map { $0 + 1 } ?? 0)
    }

    private mutating func advance() {
        if next() == "\n" { line += 1 }
        position += 1
    }

    /// Consumes a character if it is the next one.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next() == character else { return false }
        advance()
        return true
    }

    /// Skips spaces, comments and line ends. A `#` begins a comment at a line's start and after a
    /// space.
    private mutating func skipBlank(acrossLines: Bool = true) {
        while let character = next() {
            if character == "#", isBlank(-1) {
                while next() != nil && next() != "\n" { advance() }
            } else if Self.spaces.contains(character) || acrossLines && character == "\n" {
                advance()
            } else {
                return
            }
        }
    }

    /// Skips the rest of this line, which may hold only a comment.
    private mutating func endLine() throws(YAMLFailure) {
        skipBlank(acrossLines: false)
        guard next() == nil || next() == "\n" else {
            throw failure("nothing more was expected on this line")
        }
    }

    private func failure(_ problem: String) -> YAMLFailure {
        YAMLFailure(line: line, problem: problem)
    }
}
