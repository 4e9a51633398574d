// The YAML file beside a checkpoint that holds only tensors: the arguments of the model's class, the
// names of its stems, and how it cuts tracks. The training code of ZFTurbo writes it, and UVR and
// bs-roformer-infer read it.

import System
import WeightsLoader

/// The sections of a model's YAML file: `audio`, `model`, `training`, `inference` and others.
///
///     audio:
///       chunk_size: 352800          # samples
///     model:                        # arguments of the class
///       dim: 384
///     training:
///       instruments: [vocals, other]
///       target_instrument: vocals   # the network's only stem; null if it gives all
///     inference:
///       num_overlap: 2              # chunks that each sample is in
package struct ConfigurationFile: Sendable, Equatable {
    /// The file's path, for errors.
    package let path: String
    package let sections: [String: ArgumentValue]

    /// The SHA-256 of the sections, 64 hexadecimal digits.
    package var checksum: String {
        SHA256(of: ArgumentValue.object(sections).json ?? "").hexadecimal
    }

    /// - Throws: ``YAMLFileError``; ``WeightsError`` if the file can't be read.
    package static func read(_ path: String) throws -> ConfigurationFile {
        ConfigurationFile(try YAMLFile.read(path))
    }

    package init(_ file: YAMLFile) {
        path = file.path
        sections = file.entries.mapValues(\.argument)
    }
}

extension YAMLNode {
    /// The value with Python's type, as PyYAML reads it.
    fileprivate var argument: ArgumentValue {
        switch content {
        case .list(let items): .array(items.map(\.argument))
        case .mapping(let entries): .object(entries.mapValues(\.argument))
        case .scalar(let text, isQuoted: true): .string(text)
        case .scalar(let text, isQuoted: false): Self.plain(text)
        }
    }

    private static func plain(_ text: String) -> ArgumentValue {
        switch text {
        case "", "~", "null", "Null", "NULL": .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": .bool(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": .bool(false)
        default:
            integer(text).map(ArgumentValue.integer) ?? float(text).map(ArgumentValue.number)
                ?? .string(text)
        }
    }

    /// A whole number of YAML 1.1: `131_712`, `0x1f`, `0b101`, and `017` for 15.
    private static func integer(_ text: String) -> Int? {
        let sign = text.hasPrefix("-") ? "-" : ""
        let digits = text.dropFirst(text.hasPrefix("+") || !sign.isEmpty ? 1 : 0)
        guard digits.first.map({ "0123456789".contains($0) }) ?? false else { return nil }
        let bare = digits.filter { $0 != "_" }
        if bare.hasPrefix("0x") { return Int(sign + bare.dropFirst(2), radix: 16) }
        if bare.hasPrefix("0b") { return Int(sign + bare.dropFirst(2), radix: 2) }
        return Int(sign + bare, radix: bare.hasPrefix("0") ? 8 : 10)
    }

    /// A float of YAML 1.1, which has a point, and a sign in its exponent: `1e-5` is a text.
    private static func float(_ text: String) -> Double? {
        let parts = text.split(
            maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: { "eE".contains($0) })
        guard parts[0].contains("."), !"_eE".contains(text.prefix(1)),
            parts.count == 1 || "+-".contains(parts[1].prefix(1)),
            let value = YAMLNode.finite(text.filter { $0 != "_" })
        else { return nil }
        return value
    }
}
