// The precision that a model's matrix products run in.

/// What weights are kept in and what the operands of a matrix product are rounded to. Sums, norms,
/// softmax and the residual stream are float32 in each.
public enum Precision: String, Sendable, CaseIterable {
    /// The reference's.
    case float32
    /// Eight bits of mantissa: half the memory, twice the speed where the CPU multiplies bfloat16
    /// (AVX512-BF16), and the same rounding, without the speed, elsewhere.
    case bfloat16
    /// Weights in eight bits with a scale for each output channel, a quarter of the memory.
    /// Activations too where that costs little, for twice bfloat16's speed; bfloat16 elsewhere.
    case int8

    /// What both operands are rounded to where weights are not INT8: in attention, and in the
    /// layers that are kept from it.
    package var ofFloats: Precision { self == .int8 ? .bfloat16 : self }
}
