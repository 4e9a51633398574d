// Also Embedded Swift: typed throws, no key paths, no casts.
// Root-mean-square normalisation (Zhang, Sennrich 2019, arXiv:1910.07467).

import Tensor

/// Divides each row by its Euclidean norm, then multiplies by √channels · γ. There is no additive
/// epsilon: the norm is at least 1e-12.
///
/// PyTorch: `F.normalize(x, dim=-1) * channels ** 0.5 * gamma`, the `RMSNorm` of the RoFormers.
package struct RMSNorm: Sendable {
    /// √channels · γ, `[channel]`
    private let gain: Tensor

    package init(gamma: [Float], on backend: Backend) {
        let root = Float(Double(gamma.count).squareRoot())
        gain = backend.tensor([gamma.count], gamma.map { $0 * root })
    }

    package var channels: Int { gain.count }

    /// Normalises `rows` rows of x, `ld` floats apart, into `out`, which may be x, on the calling
    /// thread.
    package func normalise(
        rows: Int, _ x: UnsafePointer<Float>, ld: Int, into out: Operand, on backend: Backend
    ) {
        withExtendedLifetime(self) {
            switch out {
            case .floats(let out, let ldo):
                backend.kernels.f32_rms_norm(rows, channels, gain.pointer, x, ld, out, ldo)
            case .bfloat16(let out, let ldo):
                backend.kernels.bf16_rms_norm(rows, channels, gain.pointer, x, ld, out, ldo)
            }
        }
    }
}
