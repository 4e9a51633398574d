// Also Embedded Swift: typed throws, no key paths, no casts.
// y = x · scale + shift for each channel: a bias, a GroupNorm with known statistics, or the first
// step of a product's epilogue.

import Tensor

/// A scale and a shift for each channel.
package struct ChannelAffine: Sendable {
    /// `[channel]`
    package let scale: Tensor
    /// `[channel]`
    package let shift: Tensor

    /// Uninitialised scale and shift, for the caller to fill in.
    init(channels: Int, on backend: Backend) {
        scale = backend.tensor(Shape(channels))
        shift = backend.tensor(Shape(channels))
    }

    package init(scale: [Float], shift: [Float], on backend: Backend) {
        self.scale = backend.tensor([scale.count], scale)
        self.shift = backend.tensor([shift.count], shift)
    }

    /// Adds `bias`, with all scales 1.
    package init(bias: [Float], on backend: Backend) {
        self.init(scale: Array(repeating: 1, count: bias.count), shift: bias, on: backend)
    }

    /// Changes nothing, for kernels that apply another function after it.
    package static func identity(_ channels: Int, on backend: Backend) -> ChannelAffine {
        ChannelAffine(bias: [Float](repeating: 0, count: channels), on: backend)
    }

    package var channels: Int { scale.count }

    /// x · scale + shift, or GELU of it, on the calling thread.
    ///
    /// - Parameters:
    ///   - ld: floats between rows of x; nil for contiguous rows.
    ///   - out: `[rows, channels]`; nil for x itself.
    package func apply(
        rows: Int, _ x: UnsafeMutablePointer<Float>, ld: Int? = nil,
        into out: UnsafeMutablePointer<Float>? = nil, activates: Bool = false, on backend: Backend
    ) {
        let ld = ld ?? channels
        let kernel = activates ? backend.kernels.f32_affine_gelu : backend.kernels.f32_affine
        withExtendedLifetime(self) {
            kernel(
                rows, channels, scale.pointer, shift.pointer, x, ld, out ?? x,
                out == nil ? ld : channels)
        }
    }

    /// GELU(x · scale + shift) as an operand, which may lie in the memory of x, on the calling
    /// thread.
    ///
    /// - Parameter ld: floats between rows of x, and elements between rows of `out`.
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
