// Also Embedded Swift: typed throws, no key paths, no casts.
// The arguments of a checkpoint that holds only tensors, from the YAML file beside it.
// Reference: `get_model` in models/demucs4ht.py of ZFTurbo's Music-Source-Separation-Training.

import Networks
import WeightsLoader

extension ModelArguments {
    /// The arguments of a class of demucs.
    ///
    ///     model: htdemucs
    ///     htdemucs: {channels: 48, …}
    ///     training: {instruments: [vocals, other], channels: 2, samplerate: 44100, segment: 11, …}
    ///
    /// - Parameter overriding: arguments that replace the file's.
    /// - Throws: ``ConfigurationError`` with the section and key.
    package init(
        ofSections sections: [String: ArgumentValue], _ overriding: [String: ArgumentValue] = [:]
    ) throws(ConfigurationError) {
        guard case .string(let name) = sections["model"],
            let architecture = Architecture(rawValue: name)
        else {
            throw .unsupported(
                key: "model", found: sections["model"].map { $0.description } ?? "nothing",
                supported: Architecture.allCases.map { $0.rawValue }.sorted().joined(
                    separator: ", ")
                    + " for a checkpoint of demucs")
        }
        var keyword = try Self.members(name, of: sections)
        let training = try Self.members("training", of: sections)
        let pairs = [
            ("sources", "instruments"), ("audio_channels", "channels"),
            ("samplerate", "samplerate"), ("segment", "segment"),
        ]
        for (argument, key) in pairs {
            guard let value = training[key], value != .null else {
                throw .missing(key: "training.\(key)")
            }
            keyword[argument] = value
        }
        for (name, value) in overriding { keyword[name] = value }
        self.init(className: architecture.className, positional: [], keyword: keyword)
    }

    private static func members(
        _ section: String, of sections: [String: ArgumentValue]
    ) throws(ConfigurationError) -> [String: ArgumentValue] {
        guard case .object(let members) = sections[section] else {
            throw .missing(key: section)
        }
        return members
    }
}
