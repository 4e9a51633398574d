// Also Embedded Swift: typed throws, no key paths, no casts.
// The cross-domain transformer at the bottom of the two U-Nets (Rouard, Massa, Défossez 2022,
// arXiv:2211.08553, section 3).

import Layers
import Networks
import Synchronization
import System
import Tensor

/// Alternates self-attention within each branch and cross-attention between them.
///
/// PyTorch: `demucs.transformer.CrossTransformerEncoder`.
package struct CrossTransformerEncoder: Sendable {
    let channels: Int
    let normIn: LayerNorm
    let normInTime: LayerNorm
    /// Layers for the spectrogram's tokens, and layers for the waveform's tokens.
    let layers: [TransformerLayer]
    let layersTime: [TransformerLayer]
    let maxPeriod: Double
    let positionWeight: Float
    private let tables = PositionTables()

    /// - Parameters:
    ///   - spectrogram: tokens, `[time · freq, channels]`, ordered by time, then by frequency.
    ///   - waveform: tokens, `[time, channels]`.
    ///   - pass: its observer is notified after each layer.
    /// - Returns: the tokens of both branches after the last layer, in the shapes of the inputs.
    /// - Throws: the observer's error.
    package func callAsFunction(
        _ spectrogram: consuming Tensor, freqs: Int, _ waveform: consuming Tensor,
        in pass: ForwardPass
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor) {
        let (backend, probe) = (pass.backend, pass.probe)
        var (x, xt) = (spectrogram, waveform)
        let times = x.shape[0] / freqs
        if let probe {
            x = embed(
                x, normIn, byFreqAndTime(freqs: freqs, times: times), suffixes: ("_2d", ""), probe,
                on: backend)
            xt = embed(
                xt, normInTime, byTime(length: xt.shape[0]), suffixes: ("", "_t"), probe,
                on: backend)
        } else {
            let positions = positions(
                freqs: freqs, times: times, length: xt.shape[0], on: backend)
            x = embed(x, normIn, positions.spectrogram, on: backend)
            xt = embed(xt, normInTime, positions.waveform, on: backend)
        }

        for (index, (layer, layerTime)) in zip(layers, layersTime).enumerated() {
            let (own, time) = (pass.scope("layers.\(index)"), pass.scope("layers_t.\(index)"))
            if layer.isCross {
                // Each branch reads the other branch's tokens as they were before this layer.
                let (queries, keysValues) = layer.project(x, others: xt, on: backend)
                let (queriesTime, keysValuesTime) = layerTime.project(xt, others: x, on: backend)
                layer.finish(
                    x, queries: consume queries, keysValues: consume keysValues, in: own)
                layerTime.finish(
                    xt, queries: consume queriesTime, keysValues: consume keysValuesTime, in: time)
            } else {
                layer.attend(x, in: own)
                layerTime.attend(xt, in: time)
            }
            try pass.completed(.crosstransformer)
        }
        return (x, xt)
    }

    /// Weighted position embeddings of both branches, computed again only when a length changes.
    private func positions(
        freqs: Int, times: Int, length: Int, on backend: Backend
    ) -> PositionTables.Tables {
        tables.of(freqs: freqs, times: times, length: length, isDry: backend.isDry) {
            if backend.isDry {
                return PositionTables.Tables(
                    spectrogram: backend.keptTensor(Shape(times * freqs, channels)),
                    waveform: backend.keptTensor(Shape(length, channels)))
            }
            func weighted(_ positions: [Float]) -> Tensor {
                backend.keptTensor(
                    Shape(positions.count / channels, channels),
                    positions.map { $0 * positionWeight })
            }
            return PositionTables.Tables(
                spectrogram: weighted(byFreqAndTime(freqs: freqs, times: times)),
                waveform: weighted(byTime(length: length)))
        }
    }

    private func byFreqAndTime(freqs: Int, times: Int) -> [Float] {
        PositionalEmbedding.twoDimensional(
            freqs: freqs, times: times, channels: channels, maxPeriod: maxPeriod)
    }

    private func byTime(length: Int) -> [Float] {
        PositionalEmbedding.oneDimensional(
            length: length, channels: channels, maxPeriod: maxPeriod)
    }

    /// The same with a probe, which takes the positions before they are weighted.
    private func embed(
        _ x: Tensor, _ norm: LayerNorm, _ positions: [Float],
        suffixes: (positions: String, norm: String), _ probe: Probe, on backend: Backend
    ) -> Tensor {
        let positions = backend.tensor(x.shape, positions)
        probe("pos_emb" + suffixes.positions, .tokens, positions)
        let result = embed(x, norm, nil, on: backend)
        probe("norm_in" + suffixes.norm, .tokens, result)
        for index in 0..<result.count {
            result.pointer[index] += positionWeight * positions.pointer[index]
        }
        return withExtendedLifetime(positions) { result }
    }

    /// norm(x) + positions, or norm(x) alone.
    private func embed(
        _ x: Tensor, _ norm: LayerNorm, _ positions: Tensor?, on backend: Backend
    ) -> Tensor {
        let result = backend.tensor(x.shape)
        backend.forEachTile(of: x.shape[0], longest: Tiling.tokenRows) { range in
            let start = range.lowerBound * channels
            let target = result.pointer + start
            norm.normalise(
                rows: range.count, x.pointer + start, into: .floats(target, ld: channels),
                on: backend)
            guard let positions else { return }
            backend.kernels.f32_add(
                range.count, channels, target, channels, positions.pointer + start, channels,
                target, channels)
        }
        return result
    }
}

/// A cache of the position embeddings for the lengths that were used last.
final class PositionTables: Sendable {
    struct Tables {
        /// `[time · freq, channels]`
        let spectrogram: Tensor
        /// `[time, channels]`
        let waveform: Tensor
    }

    private let latest = Mutex<(lengths: [Int], tables: Tables)?>(nil)

    /// - Parameter isDry: whether the tables are without values: kept as others are, but never used
    ///   again.
    func of(
        freqs: Int, times: Int, length: Int, isDry: Bool, make: () -> Tables
    ) -> Tables {
        let lengths = isDry ? [] : [freqs, times, length]
        return latest.withLock { latest in
            if let latest, !isDry, latest.lengths == lengths { return latest.tables }
            let tables = make()
            latest = (lengths, tables)
            return tables
        }
    }
}
