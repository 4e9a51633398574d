// y = x · scale + shift for each channel: a bias, a GroupNorm with known statistics, and the first
// step of every epilogue of a product.

import Tensor

/// A scale and a shift for each channel.
package struct ChannelAffine: Sendable {
    /// `[channel]`
    package let scale: Tensor
    /// `[channel]`
    package let shift: Tensor

    /// Uninitialised; the caller fills in both.
    init(channels: Int, on backend: Backend) {
        scale = backend.tensor(Shape(channels))
        shift = backend.tensor(Shape(channels))
    }

    package init(scale: [Float], shift: [Float], on backend: Backend) {
        self.scale = backend.tensor([scale.count], scale)
        self.shift = backend.tensor([shift.count], shift)
    }

    /// Adds `bias` and scales nothing.
    package init(bias: [Float], on backend: Backend) {
        self.init(scale: Array(repeating: 1, count: bias.count), shift: bias, on: backend)
    }

    package var channels: Int { scale.count }

    /// `out[row, channel] = x · scale + shift` in place, on the calling thread.
    package func apply(
        rows: Int, _ x: UnsafeMutablePointer<Float>, ld: Int, on backend: Backend
    ) {
        withExtendedLifetime(self) {
            backend.kernels.f32_affine(
                rows, channels, scale.pointer, shift.pointer, x, ld, x, ld)
        }
    }

    /// GELU(x · scale + shift) as an operand, in x's own memory, on the calling thread.
    ///
    /// - Parameter ld: floats between rows of x, and elements between those of `out`.
    package func activate(
        rows: Int, _ x: UnsafeMutablePointer<Float>, ld: Int, into out: Operand,
        on backend: Backend
    ) {
        withExtendedLifetime(self) {
            switch out {
            case .floats(let out, let ldo):
                backend.kernels.f32_affine_gelu(
                    rows, channels, scale.pointer, shift.pointer, x, ld, out, ldo)
            case .bfloat16(let out, let ldo):
                backend.kernels.bf16_affine_gelu(
                    rows, channels, scale.pointer, shift.pointer, x, ld, out, ldo)
            }
        }
    }
}
