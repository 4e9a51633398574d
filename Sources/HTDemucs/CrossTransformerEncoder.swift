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
    ///   - probe: takes values inside.
    /// - Returns: both after the last layer.
    package func callAsFunction(
        _ x: Tensor, freqs: Int, _ xt: Tensor, cancellation: CancellationToken,
        probe: Probe? = nil, on backend: Backend
    ) throws -> (x: Tensor, xt: Tensor) {
        let times = x.shape[0] / freqs
        let byFreqAndTime = PositionalEmbedding.twoDimensional(
            freqs: freqs, times: times, channels: channels, maxPeriod: maxPeriod)
        let byTime = PositionalEmbedding.oneDimensional(
            length: xt.shape[0], channels: channels, maxPeriod: maxPeriod)
        probe?("pos_emb_2d", .tokens, backend.tensor(x.shape, byFreqAndTime))
        probe?("norm_in", .tokens, embed(x, normIn, nil, on: backend))
        let x = embed(x, normIn, byFreqAndTime, on: backend)
        probe?("pos_emb", .tokens, backend.tensor(xt.shape, byTime))
        probe?("norm_in_t", .tokens, embed(xt, normInTime, nil, on: backend))
        let xt = embed(xt, normInTime, byTime, on: backend)

        for (index, (layer, layerTime)) in zip(layers, layersTime).enumerated() {
            try cancellation.check()
            let isCross = (index % 2 == 0) == crossFirst
            // Everything that reads tokens of the other branch reads them before either changes.
            let queries = layer.queries(x, on: backend)
            let keysValues = layer.keysValues(isCross ? xt : x, on: backend)
            let queriesTime = layerTime.queries(xt, on: backend)
            let keysValuesTime = layerTime.keysValues(isCross ? x : xt, on: backend)
            layer.finish(
                x, queries: queries, keysValues: keysValues,
                probe: probe?.scope("layers.\(index)"), on: backend)
            probe?("layers.\(index)", .tokens, x)
            layerTime.finish(
                xt, queries: queriesTime, keysValues: keysValuesTime,
                probe: probe?.scope("layers_t.\(index)"), on: backend)
            probe?("layers_t.\(index)", .tokens, xt)
        }
        return (x, xt)
    }

    /// norm(x) + weight · position, or norm(x) alone.
    private func embed(
        _ x: Tensor, _ norm: LayerNorm, _ positions: [Float]?, on backend: Backend
    ) -> Tensor {
        let result = backend.tensor(x.shape)
        let tiling = Tiling(x.shape[0], longest: Tiling.tokenRows)
        let isEmbedding = positions != nil
        (positions ?? []).withUnsafeBufferPointer { positions in
            backend.parallelFor(tiling.tiles) { tile in
                let range = tiling[tile]
                let start = range.lowerBound * channels
                norm.normalise(
                    rows: range.count, x.pointer + start, into: result.pointer + start,
                    on: backend)
                guard isEmbedding else { return }
                for index in start..<range.upperBound * channels {
                    result.pointer[index] += positionWeight * positions[index]
                }
            }
        }
        return result
    }
}
