// Also Embedded Swift: typed throws, no key paths, no casts.
// The small steps of forward between its blocks: normalisation of the inputs and changes of layout.

import Layers
import Tensor

extension HybridNetwork {
    /// (x − mean) / (1e-5 + std), the standard deviation unbiased, over all elements.
    func normalised(_ x: Tensor) -> (Tensor, InputStatistics) {
        let tiling = Tiling(x.count, longest: Self.tileElements)
        let moments = backend.sumOfMoments(tiling) { range in
            backend.moments(
                rows: 1, columns: range.count, x.pointer + range.lowerBound, ld: range.count)
        }
        let statistics = InputStatistics(moments, count: x.count)
        let result = backend.tensor(x.shape)
        let divisor = InputStatistics.epsilon + statistics.standardDeviation
        backend.forEachTile(of: x.count, longest: Self.tileElements) { range in
            let (source, target) = (x.pointer, result.pointer)
            for index in range {
                target[index] = (source[index] - statistics.mean) / divisor
            }
        }
        return (result, statistics)
    }

    /// Pads a mix that is shorter than a training segment with zeros at its end, if the
    /// configuration has `use_train_segment`.
    func extended(_ mix: Tensor) -> Tensor {
        let (channels, samples) = (mix.shape[0], mix.shape[1])
        let wanted = configuration.segmentSamples
        guard properties.padsToSegment, samples < wanted else { return mix }
        let result = backend.zeros(Shape(channels, wanted))
        backend.parallelFor(channels) { channel in
            (result.pointer + channel * wanted).update(
                from: mix.pointer + channel * samples, count: samples)
        }
        return result
    }

    /// `[a, b, channel]` → `[b · a, channel]`
    func transposed(_ x: Tensor) -> Tensor {
        let (outer, inner, channels) = (x.shape[0], x.shape[1], x.shape[2])
        let result = backend.tensor(Shape(inner * outer, channels))
        backend.parallelFor(inner) { index in
            for row in 0..<outer {
                (result.pointer + (index * outer + row) * channels).update(
                    from: x.pointer + (row * inner + index) * channels, count: channels)
            }
        }
        return result
    }

    func copy(_ x: Tensor) -> Tensor {
        let result = backend.tensor(x.shape)
        backend.forEachTile(of: x.count, longest: Self.tileElements) { range in
            (result.pointer + range.lowerBound).update(
                from: x.pointer + range.lowerBound, count: range.count)
        }
        return result
    }

    /// The sum of the two branches, cropped to `samples`.
    ///
    /// - Parameters:
    ///   - waveforms: waveforms of the spectrogram branch, `[sources · audioChannels, time]`.
    ///   - xt: output of the waveform branch, `[1, time, sources · audioChannels]`.
    /// - Returns: `[sources, audioChannels, samples]`
    func sum(_ waveforms: Tensor, _ xt: Tensor, samples: Int) -> Tensor {
        let (channels, times) = (waveforms.shape[0], waveforms.shape[1])
        let result = backend.keptTensor(
            Shape(
                configuration.arguments.sources.count, configuration.arguments.audioChannels,
                samples))
        let longest = max(1, Self.tileElements / channels)
        backend.forEachTile(of: samples, longest: longest) { range in
            let (x, xt, target) = (waveforms.pointer, xt.pointer, result.pointer)
            for channel in 0..<channels {
                for time in range {
                    target[channel * samples + time] =
                        xt[time * channels + channel] + x[channel * times + time]
                }
            }
        }
        return result
    }
}
