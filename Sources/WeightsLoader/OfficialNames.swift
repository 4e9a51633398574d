// Names of the official state dict that readers need to find a prefix, and to distinguish
// parameters from other values of an exported graph. All other names are in
// `StateDictReader.swift`.

import System

enum OfficialNames {
    /// A tensor that every HTDemucs has.
    static let anchor = "encoder.0.conv.weight"

    /// The first components that a parameter's name can have.
    static let roots: Set<Substring> = [
        "encoder", "decoder", "tencoder", "tdecoder", "freq_emb", "channel_upsampler",
        "channel_upsampler_t", "channel_downsampler", "channel_downsampler_t", "crosstransformer",
    ]

    /// Whether a parameter could have this name.
    static func isParameter(_ name: some StringProtocol) -> Bool {
        guard let root = name.firstIndex(of: ".") else { return false }
        return roots.contains(Substring(name[..<root]))
    }

    /// The prefixes of the official names, one for each model in the file, sorted, each ending with
    /// a dot. Empty if a model's names have no prefix, or if there is no model.
    static func prefixes(of tensors: [StoredTensor]) -> [String] {
        let anchors = tensors.map { $0.name }.filter { $0.hasSuffix("." + anchor) }
        guard !tensors.contains(where: { $0.name == anchor }) else { return [] }
        return anchors.map { String($0.dropLast(anchor.count)) }.sorted()
    }

    /// The tensors with the prefix removed from the names that have it.
    ///
    /// - Throws: `FormatFailure` if two tensors then have the same name.
    static func without(
        _ prefix: String, _ tensors: [StoredTensor]
    ) throws(FormatFailure) -> [StoredTensor] {
        var names = Set<String>()
        return try tensors.map { tensor throws(FormatFailure) in
            let name =
                tensor.name.hasPrefix(prefix)
                ? String(tensor.name.dropFirst(prefix.count)) : tensor.name
            guard names.insert(name).inserted else {
                throw FormatFailure(
                    unsupported: "it has the tensor \(name.quoted) twice, with and without the "
                        + "prefix \(prefix.quoted); give a file in which all or none have it")
            }
            return tensor.named(name)
        }
    }
}
