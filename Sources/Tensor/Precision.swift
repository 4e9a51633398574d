// The precision that a model's matrix products run in.

/// What weights are kept in and what both operands of a matrix product are rounded to. Sums, norms,
/// softmax and the residual stream are float32 in each.
public enum Precision: String, Sendable, CaseIterable {
    /// The reference's.
    case float32
    /// Eight bits of mantissa: half the memory, twice the speed where the CPU multiplies bfloat16
    /// (AVX512-BF16), and the same rounding, without the speed, elsewhere.
    case bfloat16
}
