// Selection of attention weights for a trace: one head of one layer of the transformer.

import Demucs

/// An attention head of a transformer layer, `layers.0:2` in an option.
///
/// The name of its weights is that of the layer's attention with a suffix,
/// `crosstransformer.layers.0.self_attn.weights.2`. They are a matrix of tokens × tokens, so large
/// that name patterns never match them.
package struct AttentionHead: Sendable, Equatable {
    /// `layers.0`, or `layers_t.0` for the waveform's tokens.
    let layer: String
    let head: Int

    /// Reads a list of heads separated by commas.
    ///
    /// - Throws: ``PortingError`` for a layer or a head that the model doesn't have, and for a model of
    ///   another family than demucs.
    package static func list(
        _ text: String, of model: OpenedModel
    ) throws(PortingError) -> [AttentionHead] {
        let configuration = try model.configuration
        let layers = configuration.arguments.tLayers
        let names = ["layers", "layers_t"].flatMap { branch in
            (0..<layers).map { "\(branch).\($0)" }
        }
        let heads = 0..<configuration.arguments.tHeads
        var result: [AttentionHead] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: ":", omittingEmptySubsequences: false)
            guard pieces.count == 2, names.contains(String(pieces[0])), let head = Int(pieces[1]),
                heads.contains(head)
            else {
                throw .invalidOption(
                    name: "attention", value: String(part),
                    allowed: layers == 0
                        ? "a model with a transformer"
                        : "LAYER:HEAD, such as layers.0:0, with a layer of "
                            + "\(names.joined(separator: ", ")) and a head of 0 to "
                            + "\(heads.upperBound - 1)")
            }
            result.append(AttentionHead(layer: String(pieces[0]), head: head))
        }
        return result
    }

    /// Whether a probe's name belongs to the attention weights of a head.
    static func isName(_ name: String) -> Bool { name.contains(".weights.") }

    func matches(_ name: String) -> Bool {
        name.hasPrefix("crosstransformer.\(layer).") && name.hasSuffix(".weights.\(head)")
    }
}
