// The reference's names in the order of computation.

import Demucs

/// The reference's names in the order in which the network's `forward` computes them.
///
/// Files often store tensors alphabetically; errors spread in the order of computation.
package struct ComputationOrder: Comparable {
    /// Keys are compared element by element. A module comes after its parts: `dconv` after
    /// `dconv.layers.1`.
    private let key: [Int]
    private let name: String

    /// Modules of the same stage; layers of the two branches alternate.
    private static let stages =
        [["mix", "input", "mag", "stft_repr", "x", "xt"]] + ModelFamily.stages
        + [["output", "add_67", "final"]]
    private static let encoders = ["tencoder", "encoder"]
    private static let transformer = "crosstransformer"
    private static let decoders = ["decoder", "tdecoder"]
    private static let encoderParts = ["conv", "norm1", "dconv", "rewrite", "norm2", "conv_tr"]
    private static let decoderParts = ["rewrite", "norm1", "dconv", "conv_tr"]
    private static let embeddings = ["pos_emb_2d", "norm_in", "pos_emb", "norm_in_t"]
    private static let transformerLayers = ["layers", "layers_t"]
    private static let transformerParts = ["norm1", "norm2", "self_attn", "cross_attn", "norm3"]

    package init(_ name: String) {
        self.name = name
        // An optional chunk number: chunk-00003/output.
        let pieces = name.split(separator: "/", omittingEmptySubsequences: false)
        let path = (pieces.last ?? "").split(separator: ".").map(String.init)
        key = Self.numbers(pieces.dropLast().joined(separator: "/")) + Self.place(path)
    }

    /// Whether a network has values of such a name, without a chunk.
    static func isOfNetwork(_ name: String) -> Bool {
        place(name.split(separator: ".").map(String.init)).first != stages.count
    }

    /// The number of a layer, a head or a chunk in a name: digits alone, up to 4,095. No network has
    /// more layers.
    private static func index(_ text: some StringProtocol) -> Int? {
        text.allSatisfy { ("0"..."9").contains($0) }
            ? Int(text).flatMap { $0 < 4_096 ? $0 : nil } : nil
    }

    package static func < (a: ComputationOrder, b: ComputationOrder) -> Bool {
        for (left, right) in zip(a.key, b.key) where left != right { return left < right }
        if a.key.count != b.key.count { return a.key.count > b.key.count }
        return a.name < b.name
    }

    private static func place(_ path: [String]) -> [Int] {
        let unknown = [stages.count] + numbers(path.joined(separator: "."))
        guard let first = path.first,
            let stage = stages.firstIndex(where: { $0.contains(first) }),
            let branch = stages[stage].firstIndex(of: first)
        else { return unknown }
        let rest = path.dropFirst()
        if first == transformer {
            if let place = rest.first.flatMap(embeddings.firstIndex) { return [stage, 0, place] }
            let part = rest.dropFirst()
            if let branch = rest.first.flatMap(transformerLayers.firstIndex),
                let layer = part.first.flatMap({ index($0) })
            {
                return [stage, 1, layer, branch] + within(part.dropFirst(), transformerParts)
            }
            return rest.isEmpty ? [stage, 2] : unknown
        }
        guard encoders.contains(first) || decoders.contains(first) else {
            return [stage, branch] + rest.compactMap { index($0) }
        }
        guard let layer = rest.first.flatMap({ index($0) }) else { return unknown }
        let parts = encoders.contains(first) ? encoderParts : decoderParts
        return [stage, layer, branch] + within(rest.dropFirst(), parts)
    }

    /// A part's position in its layer and the numbers in its name. The layer itself follows its
    /// parts, and its embedding follows the layer.
    private static func within(_ part: ArraySlice<String>, _ parts: [String]) -> [Int] {
        guard let first = part.first else { return [parts.count + 1] }
        if first == "embedded" { return [parts.count + 2] }
        return [parts.firstIndex(of: first) ?? parts.count]
            + part.dropFirst().compactMap { index($0) }
    }

    private static func numbers(_ text: String) -> [Int] {
        text.split { !("0"..."9").contains($0) }.compactMap { Int($0) }
    }
}
