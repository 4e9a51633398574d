// Also Embedded Swift: typed throws, no key paths, no casts.
// Rotary position embedding (Su et al. 2021, arXiv:2104.09864).

import System
import Tensor

/// The rotation of queries and keys by their position: pair i of a head's channels, at 2i and
/// 2i + 1, turns by position · frequency[i].
///
/// PyTorch: `rotary_embedding_torch.RotaryEmbedding(dim=size).rotate_queries_or_keys`, version 0.6.
package struct RotaryEmbedding: Sendable {
    /// Channels of a head.
    package let size: Int
    /// `[position, size]`: the cosine of each pair, twice.
    private let cosines: Tensor
    private let sines: Tensor

    /// - Parameters:
    ///   - frequencies: `[size / 2]`, in radians for each position: `rotary_embed.freqs`.
    ///   - positions: the number of positions.
    package init(frequencies: [Float], positions: Int, on backend: Backend) {
        let size = 2 * frequencies.count
        self.size = size
        // The reference multiplies in float32.
        func table(_ function: (Double) -> Double) -> Tensor {
            backend.tensor(
                [positions, size],
                (0..<positions).flatMap { position in
                    (0..<size).map { channel in
                        Float(function(Double(Float(position) * frequencies[channel / 2])))
                    }
                })
        }
        cosines = table { cos($0) }
        sines = table { sin($0) }
    }

    /// The frequencies of a model before its training, which published models keep: those of `pairs`
    /// pairs fall from 1 to nearly 1/10,000.
    ///
    /// PyTorch: `RotaryEmbedding(dim=2 * pairs).freqs`.
    package static func standardFrequencies(pairs: Int) -> [Float] {
        // In float32, as the reference computes them.
        (0..<pairs).map { 1 / powf(10_000, Float(2 * $0) / Float(2 * pairs)) }
    }

    /// Rotates rows of neighbouring positions in place, on the calling thread.
    ///
    /// - Parameters:
    ///   - first: the position of the first row.
    ///   - heads: groups of `size` channels in a row.
    ///   - x: `[rows, heads · size]`, rows `ld` floats apart.
    package func rotate(
        rows: Int, from first: Int, heads: Int, _ x: UnsafeMutablePointer<Float>, ld: Int,
        on backend: Backend
    ) {
        withExtendedLifetime(self) {
            backend.kernels.f32_rotate(
                rows, heads, size, cosines.pointer + first * size, sines.pointer + first * size, x,
                ld)
        }
    }
}
