// Which layers run in INT8, and how.

import Layers
import WeightsLoader

/// The form of each layer's weights. The layers of DConv have no place in it: they hold a fortieth
/// of the weights and always stay floats.
package struct QuantizationPlan: Sendable {
    private let form: @Sendable (_ tensor: String) -> LayerForm

    /// - Parameter forms: of the tensors of weights, by their names in the official state dict;
    ///   those that are not named stay floats.
    package init(_ forms: [String: LayerForm]) {
        self.init { forms[$0] ?? .float }
    }

    private init(_ form: @escaping @Sendable (_ tensor: String) -> LayerForm) {
        self.form = form
    }

    package subscript(tensor: String) -> LayerForm { form(tensor) }

    /// What `--precision int8` makes of a model with float weights (docs/int8.md).
    ///
    /// Spared are the first encoder and the last two decoder layers of both branches, whose error meets
    /// the signal itself; they are small, and their 3 × 3 rewrites are as fast in bfloat16 through
    /// Winograd's transforms as in INT8. The strided convolutions of the encoders keep activations of 16
    /// bits: in INT8 they would gain a fiftieth of the time and cost 0.6 dB.
    package static func recommended(for configuration: Configuration) -> QuantizationPlan {
        let last = configuration.layers.count - 1
        let spared =
            ["encoder.0."] + [last - 1, last].map { "decoder.\($0)." }
        return QuantizationPlan { tensor in
            if spared.contains(where: { tensor.hasPrefix($0) || tensor.hasPrefix("t" + $0) }) {
                return .float
            }
            return tensor.hasSuffix(".conv.weight") ? .weights : .full
        }
    }
}
