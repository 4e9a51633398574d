// The cross-domain transformer at the bottom of the two U-Nets (Rouard, Massa, Défossez 2022,
// arXiv:2211.08553, section 3).

import Layers
import Tensor

/// Alternates self-attention within each branch and cross-attention between them.
///
/// PyTorch: `demucs.transformer.CrossTransformerEncoder`.
package struct CrossTransformerEncoder: Sendable {
    let channels: Int
    let normIn: LayerNorm
    let normInTime: LayerNorm
    /// For the spectrogram's tokens and for the waveform's.
    let layers: [TransformerLayer]
    let layersTime: [TransformerLayer]
    /// Cross-attention comes first, at even layers.
    let crossFirst: Bool
    let maxPeriod: Double
    let positionWeight: Float

    /// - Parameters:
    ///   - x: the spectrogram's tokens, `[time · freq, channels]`, the frequencies of one time next
    ///     to each other.
    ///   - xt: the waveform's tokens, `[time, channels]`.
    /// - Returns: both after the last layer.
    package func callAsFunction(
        _ x: Tensor, freqs: Int, _ xt: Tensor, cancellation: CancellationToken, on backend: Backend
    ) throws -> (x: Tensor, xt: Tensor) {
        let times = x.shape[0] / freqs
        let x = embed(
            x, normIn,
            PositionalEmbedding.twoDimensional(
                freqs: freqs, times: times, channels: channels, maxPeriod: maxPeriod),
            on: backend)
        let xt = embed(
            xt, normInTime,
            PositionalEmbedding.oneDimensional(
                length: xt.shape[0], channels: channels, maxPeriod: maxPeriod),
            on: backend)

        for (index, (layer, layerTime)) in zip(layers, layersTime).enumerated() {
            try cancellation.check()
            let isCross = (index % 2 == 0) == crossFirst
            // Everything that reads tokens of the other branch reads them before either changes.
            let queries = layer.queries(x, on: backend)
            let keysValues = layer.keysValues(isCross ? xt : x, on: backend)
            let queriesTime = layerTime.queries(xt, on: backend)
            let keysValuesTime = layerTime.keysValues(isCross ? x : xt, on: backend)
            layer.finish(x, queries: queries, keysValues: keysValues, on: backend)
            layerTime.finish(xt, queries: queriesTime, keysValues: keysValuesTime, on: backend)
        }
        return (x, xt)
    }

    /// norm(x) + weight · position
    private func embed(
        _ x: Tensor, _ norm: LayerNorm, _ positions: [Float], on backend: Backend
    ) -> Tensor {
        let result = backend.tensor(x.shape)
        let tiling = Tiling(x.shape[0], longest: Tiling.tokenRows)
        positions.withUnsafeBufferPointer { positions in
            backend.parallelFor(tiling.tiles) { tile in
                let range = tiling[tile]
                let start = range.lowerBound * channels
                norm.normalise(
                    rows: range.count, x.pointer + start, into: result.pointer + start,
                    on: backend)
                for index in start..<range.upperBound * channels {
                    result.pointer[index] += positionWeight * positions[index]
                }
            }
        }
        return result
    }
}
