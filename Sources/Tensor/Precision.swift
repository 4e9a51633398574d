// The precision of a model's matrix products.

/// The type of the weights, to which the operands of a matrix product are rounded. Sums, norms,
/// softmax and the residual stream are always float32.
public enum Precision: String, Sendable, CaseIterable {
    /// As the reference.
    case float32
    /// Eight bits of mantissa: half the memory, and twice the speed on x86-64 CPUs that multiply
    /// bfloat16 (AVX512-BF16); arm64 CPUs multiply it too from Armv8.6 on. Others round alike, for the
    /// memory, and take up to a tenth longer.
    case bfloat16
    /// Weights in eight bits with a scale for each output channel: a quarter of the memory. Most
    /// layers quantise activations too, for twice the speed of bfloat16; the others run in bfloat16
    /// where the CPU multiplies it, else in float32.
    case int8
}
