// Also Embedded Swift: typed throws, no key paths, no casts.
// The quantisation of each layer: INT8 weights and activations, INT8 weights only, or floats.

import Layers
import WeightsLoader

/// The form of each layer's weights (docs/int8.md).
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
}
