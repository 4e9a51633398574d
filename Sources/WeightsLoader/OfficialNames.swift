// Also Embedded Swift: typed throws, no key paths, no casts.
// Names of the official state dict that readers need to find a prefix, and to distinguish
// parameters from other values of an exported graph. All other names are in
// `StateDictReader.swift`.

import System

package enum OfficialNames {
    /// A tensor that every network with two branches has.
    static let anchor = "encoder.0.conv.weight"
    /// A tensor that every network has that splits the spectrogram into bands.
    package static let bandSplitAnchor = "band_split.to_features.0.0.gamma"

    /// The first components that a parameter's name can have.
    static let roots: Set<Substring> = [
        "encoder", "decoder", "tencoder", "tdecoder", "freq_emb", "channel_upsampler",
        "channel_upsampler_t", "channel_downsampler", "channel_downsampler_t", "crosstransformer",
    ]

    /// The last components of the parameters that graphs name: not those of a value that becomes a
    /// parameter only by a Cast, such as `weight_half`.
    static let leaves: Set<Substring> = [
        "weight", "bias", "scale", "in_proj_weight", "in_proj_bias",
    ]

    /// Whether a parameter could have this name.
    static func isParameter(_ name: some StringProtocol) -> Bool {
        guard let root = name.firstIndex(of: ".") else { return false }
        return roots.contains(Substring(name[..<root]))
    }

    /// The prefixes of the official names, one for each model in the file, sorted, each ending with
    /// a dot. Empty if a model's names have no prefix, or if there is no model.
    static func prefixes(of tensors: [StoredTensor]) -> [String] {
        let anchors = [anchor, bandSplitAnchor]
        guard !tensors.contains(where: { anchors.contains($0.name) }) else { return [] }
        return tensors.compactMap { tensor in
            anchors.first { tensor.name.hasSuffix("." + $0) }
                .map { String(tensor.name.dropLast($0.count)) }
        }.filter { prefix in
            // Other files have such networks among other tensors, as the vectors of the self-test do.
            tensors.contains { $0.name == prefix + anchor }
                || tensors.allSatisfy { $0.name.hasPrefix(prefix) }
        }.sorted()
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
