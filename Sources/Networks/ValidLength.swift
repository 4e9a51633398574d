// Also Embedded Swift: typed throws, no key paths, no casts.
// The lengths that a network of strided convolutions without padding runs on.

/// The shortest length, not below a given one, for which (length − kernel) is a multiple of the
/// stride in every layer.
///
/// PyTorch: `Demucs.valid_length`.
package struct ValidLength: Sendable, Equatable {
    private let depth: Int
    private let kernel: Int
    private let stride: Int
    /// Whether the layers run at twice the sample rate.
    private let resamples: Bool

    package init(depth: Int, kernel: Int, stride: Int, resamples: Bool) {
        self.depth = depth
        self.kernel = kernel
        self.stride = stride
        self.resamples = resamples
    }

    package func callAsFunction(_ samples: Int) -> Int {
        // On 32 bits, intermediate lengths may not fit an Int.
        let (kernel, stride) = (Int64(kernel), Int64(stride))
        var length = Int64(resamples ? 2 * samples : samples)
        for _ in 0..<depth {
            // The excess may be negative; like Python's ceil, the division rounds it up.
            let excess = length - kernel
            length = max(1, (excess > 0 ? (excess + stride - 1) / stride : excess / stride) + 1)
        }
        // 2^40 is far above any real length; it keeps absurd configurations from overflowing.
        for _ in 0..<depth { length = min((length - 1) * stride + kernel, 1 << 40) }
        return Int(clamping: resamples ? (length + 1) / 2 : length)
    }
}
