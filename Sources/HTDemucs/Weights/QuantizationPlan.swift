// Also Embedded Swift: typed throws, no key paths, no casts.
// The quantisation of each layer: INT8 weights and activations, INT8 weights only, or floats.

import Layers
import WeightsLoader

/// The form of each layer's weights. The layers of DConv always stay floats: they have a fortieth
/// of HTDemucs' weights. In the v3 models they also contain the LSTMs (docs/int8.md).
package struct QuantizationPlan: Sendable {
    private let form: @Sendable (_ tensor: String) -> LayerForm

    /// - Parameter forms: the form of each layer, by its weight's name in the official state dict;
    ///   layers that are not listed stay floats.
    package init(_ forms: [String: LayerForm]) {
        self.init { forms[$0] ?? .float }
    }

    /// - Parameter form: the form of the layer with this weight.
    package init(_ form: @escaping @Sendable (_ tensor: String) -> LayerForm) {
        self.form = form
    }

    package subscript(tensor: String) -> LayerForm { form(tensor) }

    /// The plan of the precision INT8 for a model with float weights (docs/int8.md).
    ///
    /// The first encoder and the last two decoder layers of both branches stay floats: their errors go
    /// straight into the signal, they are small, and their 3 × 3 rewrites are as fast in bfloat16 with
    /// Winograd's transforms as in INT8. The other encoder layers and the 1×1 convolutions around the
    /// transformer keep activations of 16 bits: INT8 activations would save 3 % of the time and cost 2 dB.
    package static func recommended(for configuration: Configuration) -> QuantizationPlan {
        let layers = configuration.layers
        // Hybrid Demucs has layers of the spectrogram's branch alone.
        let depths = [
            ("", layers.count), ("t", layers.count { !$0.isTimeOnly }),
        ]
        let floats = depths.flatMap { branch, depth in
            ["\(branch)encoder.0."] + [depth - 2, depth - 1].map { "\(branch)decoder.\($0)." }
        }
        let weightsAlone = ["encoder.", "tencoder.", "channel_"]
        return QuantizationPlan { tensor in
            if floats.contains(where: { tensor.hasPrefix($0) }) { return .float }
            return weightsAlone.contains(where: { tensor.hasPrefix($0) }) ? .w8 : .w8a8
        }
    }
}
