// The form of each layer: INT8 × INT8, INT8 weights alone, or floats.

import Layers
import WeightsLoader

/// The form of each layer's weights. DConv's layers always stay floats: they hold a fortieth of
/// HTDemucs' weights. In Demucs' third version they hold the LSTMs too (docs/int8.md).
package struct QuantizationPlan: Sendable {
    private let form: @Sendable (_ tensor: String) -> LayerForm

    /// - Parameter forms: by the weights' names in the official state dict; all others stay floats.
    package init(_ forms: [String: LayerForm]) {
        self.init { forms[$0] ?? .float }
    }

    private init(_ form: @escaping @Sendable (_ tensor: String) -> LayerForm) {
        self.form = form
    }

    package subscript(tensor: String) -> LayerForm { form(tensor) }

    /// The plan of `--precision int8` for a model with float weights (docs/int8.md).
    ///
    /// The first encoder and the last two decoder layers of both branches stay floats: their errors go
    /// straight into the signal, they are small, and their 3 × 3 rewrites are as fast in bfloat16 with
    /// Winograd's transforms as in INT8. The encoders' strided convolutions and the 1×1 convolutions around
    /// the transformer keep activations of 16 bits: INT8 activations would save 2 % of the time and cost
    /// 0.6 dB in the first, 0.5 % and 0.4 dB in the second.
    package static func recommended(for configuration: Configuration) -> QuantizationPlan {
        let last = configuration.layers.count - 1
        let spared =
            ["encoder.0."] + [last - 1, last].map { "decoder.\($0)." }
        return QuantizationPlan { tensor in
            if spared.contains(where: { tensor.hasPrefix($0) || tensor.hasPrefix("t" + $0) }) {
                return .float
            }
            let keepsActivations =
                tensor.hasPrefix("channel_") || isStrided(tensor, configuration.architecture)
            return keepsActivations ? .w8 : .w8a8
        }
    }

    /// Whether it is the strided convolution of an encoder layer. Demucs' have numbers for names.
    private static func isStrided(_ tensor: String, _ architecture: Architecture) -> Bool {
        architecture == .demucs
            ? tensor.hasPrefix("encoder.") && tensor.hasSuffix(".0.weight")
            : tensor.hasSuffix(".conv.weight")
    }
}
