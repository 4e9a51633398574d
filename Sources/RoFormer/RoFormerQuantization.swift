// The forms of a RoFormer's layers in the precision INT8.

import HTDemucs
import WeightsLoader

extension QuantizationPlan {
    /// The plan of the precision INT8 for a RoFormer with float weights (docs/int8.md).
    ///
    /// The linear layers of the transformers have nearly all operations, and inputs that a norm, a
    /// mean of values or GELU bounds: INT8 × INT8. The band split reads the spectrogram, and the masks
    /// multiply it: they keep activations of 16 bits, which costs little time. The gates, one number
    /// for each head, are always floats.
    package static let recommendedForRoFormers = QuantizationPlan { tensor in
        tensor.hasPrefix("layers.") ? .w8a8 : .w8
    }
}
