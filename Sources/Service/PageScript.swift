// The page's modules as one script, so that a browser needs one request for them.

/// Joins ES modules. They keep to a small grammar, which a test checks:
///
/// * An import is one line that begins with `import {` or `import * as`, and names a file beside it.
/// * An export is the word `export` at the beginning of a line, before `class`, `function`, `async
///   function` or `const`.
/// * Imports form no circle.
///
/// Each module becomes a function that is called at once and returns the exports:
/// `const $words = (() => { … return { stateWords }; })();` The script exports what the entry does.
struct PageScript {
    private let sources: [String: String]
    private var text = ""
    private var included: Set<String> = []
    /// Exports of the module that was added last.
    private var lastExports: [String] = []

    /// - Parameters:
    ///   - sources: modules by their names.
    ///   - entry: name of the module that the page loads.
    /// - Returns: nil for a module outside the grammar.
    static func bundle(_ sources: [String: String], entry: String) -> String? {
        var script = PageScript(sources: sources)
        guard script.include(entry, within: []) else { return nil }
        return script.text
            + "export const { \(script.lastExports.joined(separator: ", ")) } = \(variable(entry));\n"
    }

    private init(sources: [String: String]) { self.sources = sources }

    /// Adds a module after those that it imports.
    ///
    /// - Parameter importers: modules whose imports led here.
    private mutating func include(_ name: String, within importers: Set<String>) -> Bool {
        if included.contains(name) { return true }
        guard let source = sources[name], !importers.contains(name) else { return false }
        var (lines, exports): ([String], [String]) = ([], [])
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("import ") {
                guard let (binding, module) = PageScript.imported(line),
                    include(module, within: importers.union([name]))
                else { return false }
                lines.append("const \(binding) = \(PageScript.variable(module));")
            } else if line.hasPrefix("export ") {
                let declaration = line.dropFirst("export ".count)
                guard let exported = PageScript.declared(declaration) else { return false }
                exports.append(exported)
                lines.append(String(declaration))
            } else {
                lines.append(String(line))
            }
        }
        text += "const \(PageScript.variable(name)) = (() => {\n"
        text += lines.joined(separator: "\n")
        text += "\nreturn { \(exports.joined(separator: ", ")) };\n})();\n"
        included.insert(name)
        lastExports = exports
        return true
    }

    /// The variable with the exports of a module: `$words` for `words.js`.
    private static func variable(_ module: String) -> String { "$" + module.prefix { $0 != "." } }

    /// The names that an import binds, and the module: `{ clock, title }` and `format.js`.
    private static func imported(_ line: Substring) -> (binding: String, module: String)? {
        let parts = line.dropFirst("import ".count).split(separator: " from \"./")
        guard parts.count == 2, parts[1].hasSuffix("\";") else { return nil }
        let module = String(parts[1].dropLast(2))
        if parts[0].hasPrefix("* as ") { return (String(parts[0].dropFirst(5)), module) }
        guard parts[0].hasPrefix("{"), parts[0].hasSuffix("}"), !parts[0].contains(" as ") else {
            return nil
        }
        return (String(parts[0]), module)
    }

    /// The name in a declaration: `title` for `function title(name) {`.
    private static func declared(_ declaration: Substring) -> String? {
        for keyword in ["class ", "function ", "async function ", "const "]
        where declaration.hasPrefix(keyword) {
            return String(
                declaration.dropFirst(keyword.count).prefix {
                    $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$"
                })
        }
        return nil
    }
}
