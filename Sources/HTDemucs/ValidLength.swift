// The lengths that Demucs' convolutions take without a rest.

/// The shortest length from a given one on for which (length − kernel) is a whole number of strides
/// in every layer.
///
/// PyTorch: `Demucs.valid_length`.
package struct ValidLength: Sendable, Equatable {
    private let depth: Int
    private let kernel: Int
    private let stride: Int
    /// Whether the layers run at twice the rate.
    private let resamples: Bool

    init(depth: Int, kernel: Int, stride: Int, resamples: Bool) {
        self.depth = depth
        self.kernel = kernel
        self.stride = stride
        self.resamples = resamples
    }

    package func callAsFunction(_ samples: Int) -> Int {
        var length = resamples ? 2 * samples : samples
        for _ in 0..<depth {
            // The excess may be negative, and Python rounds it up.
            let excess = length - kernel
            length = max(1, (excess > 0 ? (excess + stride - 1) / stride : excess / stride) + 1)
        }
        // Far above every length that is run; absurd configurations may not overflow.
        for _ in 0..<depth { length = min((length - 1) * stride + kernel, 1 << 40) }
        return resamples ? (length + 1) / 2 : length
    }
}
