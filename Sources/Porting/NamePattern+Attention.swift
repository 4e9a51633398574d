// Selection of attention weights for a trace: one head of one layer of the transformer.

import Demucs
import Tracks

extension NamePattern {
    /// Reads a list of heads separated by commas, `layers.0:2,layers_t.0:1`: patterns of their
    /// attention weights, such as `crosstransformer.layers.0.self_attn.weights.2`.
    ///
    /// - Throws: ``PortingError`` for a layer or a head that the model doesn't have, and for a model of
    ///   another family than demucs.
    package static func attention(
        _ text: String, of model: OpenedModel
    ) throws(PortingError) -> [NamePattern] {
        let (layers, headCount) = try model.crossTransformer
        let names = ["layers", "layers_t"].flatMap { branch in
            (0..<layers).map { "\(branch).\($0)" }
        }
        let heads = 0..<headCount
        var result: [NamePattern] = []
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
            result.append(NamePattern("crosstransformer.\(pieces[0]).*.weights.\(head)"))
        }
        return result
    }
}
