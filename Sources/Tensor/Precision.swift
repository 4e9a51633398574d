// Also Embedded Swift: typed throws, no key paths, no casts.
// The precision of a model's matrix products.

/// The type of the weights; the operands of matrix products are rounded to it. Sums, norms, softmax
/// and the residual stream are always float32.
public enum Precision: String, Sendable, CaseIterable {
    /// The precision of the reference.
    case float32
    /// Eight bits of mantissa: half the memory, and twice the speed on x86-64 CPUs that multiply
    /// bfloat16 (AVX512-BF16); arm64 CPUs multiply it too from Armv8.6 on. On other CPUs it saves
    /// the same memory, gives equally rounded operands and takes up to a tenth longer than float32.
    case bfloat16
    /// Weights of eight bits with a scale for each output channel: a quarter of the memory. Most
    /// layers quantise activations too, for twice the speed of bfloat16; the other layers run in
    /// bfloat16 where the CPU multiplies it, else in float32.
    case int8
}
