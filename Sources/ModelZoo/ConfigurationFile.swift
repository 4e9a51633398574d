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
        SHA256(of: Array((ArgumentValue.object(sections).json ?? "").utf8)).hexadecimal
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
        case .scalar(let text, isQuoted: false): Self.plain(text, number)
        }
    }

    private static func plain(_ text: String, _ number: Double?) -> ArgumentValue {
        switch text {
        case "", "~", "null", "Null", "NULL": .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": .bool(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": .bool(false)
        default:
            Int(text).map(ArgumentValue.integer) ?? number.map(ArgumentValue.number)
                ?? .string(text)
        }
    }
}
