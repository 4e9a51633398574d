// Also Embedded Swift: typed throws, no key paths, no casts.
// Layer normalisation (Ba, Kiros, Hinton 2016, arXiv:1607.06450).

import Tensor

/// Normalises each row to mean 0 and variance 1, then scales and shifts each channel.
///
/// PyTorch: `nn.LayerNorm(channels)`.
package struct LayerNorm: Sendable {
    /// Gain and bias, after the normalisation.
    private let affine: ChannelAffine

    /// PyTorch's default, which the reference uses everywhere.
    private static let epsilon: Float = 1e-5

    package init(gain: [Float], bias: [Float], on backend: Backend) {
        affine = ChannelAffine(scale: gain, shift: bias, on: backend)
    }

    package var channels: Int { affine.channels }

    /// Normalises `rows` contiguous rows of x into `out`, which may be x, on the calling thread.
    package func normalise(
        rows: Int, _ x: UnsafePointer<Float>, into out: Operand, on backend: Backend
    ) {
        withExtendedLifetime(self) {
            switch out {
            case .floats(let out, let ld):
                backend.kernels.f32_layer_norm(
                    rows, channels, affine.scale.pointer, affine.shift.pointer, Self.epsilon, x,
                    channels, out, ld)
            case .bfloat16(let out, let ld):
                backend.kernels.bf16_layer_norm(
                    rows, channels, affine.scale.pointer, affine.shift.pointer, Self.epsilon, x,
                    channels, out, ld)
            }
        }
    }
}
