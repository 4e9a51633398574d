// The YAML files of models: bags, and configurations of single models.

import System
import WeightsLoader

/// The mapping in a YAML file.
package struct YAMLFile {
    /// The file's path, for errors.
    package let path: String
    let entries: [String: YAMLNode]

    /// Size limit, far above every published file.
    package static let sizeLimitBytes = 65_536

    /// Whether the file describes a single model, and not a bag.
    var describesModel: Bool { entries["model"] != nil && entries["models"] == nil }

    /// - Throws: ``YAMLFileError``; ``WeightsError`` if the file can't be read.
    package static func read(_ path: String) throws -> YAMLFile {
        let file = try ReadFile(path)
        guard file.countBytes <= sizeLimitBytes else {
            throw YAMLFileError.tooLong(
                path: path, foundBytes: file.countBytes, limitBytes: sizeLimitBytes)
        }
        let text = try file.read(0..<file.countBytes) { String(validating: $0, as: UTF8.self) }
        guard let text else {
            throw YAMLFileError.invalid(path: path, line: 1, problem: "the file is not UTF-8 text")
        }
        return try YAMLFile(text, path: path)
    }

    package init(_ text: String, path: String) throws(YAMLFileError) {
        self.path = path
        do {
            var parser = YAMLParser(text)
            entries = try parser.mapping()
        } catch {
            throw .invalid(path: path, line: error.line, problem: error.problem)
        }
    }
}

/// The YAML file of a model can't be used.
public enum YAMLFileError: Error, Equatable, Sendable {
    /// A file too long for a configuration.
    case tooLong(path: String, foundBytes: Int, limitBytes: Int)
    /// Text outside the part of YAML that configurations use.
    case invalid(path: String, line: Int, problem: String)
}

extension YAMLFileError: DescribedError {
    public var description: String {
        switch self {
        case .tooLong(let path, let found, let limit):
            "\(path): is not a model's YAML file: it has \(found) bytes; expected at most \(limit)"
        case .invalid(let path, let line, let problem):
            "\(path), line \(line): \(problem)"
        }
    }
}

extension YAMLFileError: CausedError {
    public var cause: ErrorCause { .model }
}
