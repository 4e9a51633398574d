// Also Embedded Swift: typed throws, no key paths, no casts.
// The local attention of the inner DConv branches (Défossez 2021, arXiv:2111.03600, section 3.2): a
// penalty on distance, which each query sets, takes the place of position embeddings.

import System
import Tensor

/// x + proj(softmax(qᵀk / √d − slope · |distance|) · content) for each head, where no position
/// attends to itself.
///
/// The slope of a query with `decays` controls is Σ f · σ(query_decay_f) / 2 / √decays, f = 1, 2,
/// …. PyTorch: `demucs.demucs.LocalState(channels, heads, nfreqs=0, ndecay=decays)`.
package struct LocalState: Sendable {
    private let attention: MultiheadAttention
    /// `[channels, heads · decays]`
    private let queryDecay: Linear
    private let decays: Int

    /// - Parameters:
    ///   - attention: `query`, `key` and `content` in this order, and `proj`.
    ///   - queryDecay: `[channels, heads · decays]`.
    package init(attention: MultiheadAttention, queryDecay: Linear) {
        precondition(queryDecay.outputs % attention.heads == 0)
        self.attention = attention
        self.queryDecay = queryDecay
        decays = queryDecay.outputs / attention.heads
    }

    /// - Parameter x: `[signals, times, channels]`, independent signals; changed in place.
    package func callAsFunction(_ x: Tensor, on backend: Backend) {
        let (signals, times, channels) = (x.shape[0], x.shape[1], attention.channels)
        let queries = attention.query(x, on: backend)
        let keysValues = attention.keyValue(x, on: backend)
        let slopes = slopes(queryDecay(x, on: backend), on: backend)
        for signal in 0..<signals {
            func row(_ tensor: Tensor) -> Tensor { part(tensor, signal, on: backend) }
            let attended = attention.attend(
                row(queries), row(keysValues), slopes: row(slopes), on: backend)
            let projected = attention.output(attended, on: backend)
            backend.forEachTile(of: times * channels, longest: 1 << 16) { range in
                let target = x.pointer + signal * times * channels + range.lowerBound
                backend.kernels.f32_add(
                    1, range.count, target, range.count, projected.pointer + range.lowerBound,
                    range.count, target, range.count)
            }
        }
    }

    /// One signal of `[signals, times, channels]` as `[times, channels]`: a copy, unless it is the
    /// only one.
    private func part(_ x: Tensor, _ signal: Int, on backend: Backend) -> Tensor {
        let shape = Shape(x.shape[1], x.shape[2])
        guard x.shape[0] > 1 else { return x.reshaped(shape) }
        let result = backend.tensor(shape)
        withExtendedLifetime((x, result)) {
            result.pointer.update(
                from: x.pointer + signal * result.count, count: result.count)
        }
        return result
    }

    /// The slopes of all queries.
    ///
    /// - Parameter controls: `[signals, times, heads · decays]`
    /// - Returns: `[signals, times, heads]`
    private func slopes(_ controls: Tensor, on backend: Backend) -> Tensor {
        let result = backend.tensor(controls.shape.replacingLast(with: attention.heads))
        let factor = 0.5 / Float(decays).squareRoot()
        // Scalar code is fast enough: controls are a small part of a position's hundreds of values.
        backend.forEachTile(of: result.count, longest: Tiling.signalRows) { range in
            for index in range {
                var sum: Float = 0
                for decay in 0..<decays {
                    let control = Double(controls.pointer[index * decays + decay])
                    sum += Float(decay + 1) * Float(1 / (1 + exp(-control)))
                }
                result.pointer[index] = sum * factor
            }
        }
        return result
    }
}
