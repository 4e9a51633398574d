// Also Embedded Swift: typed throws, no key paths, no casts.
// Beginning and end of all networks' passes: statistics of the input, denormalisation of the
// output, and the order of a waveform's axes.

import Layers
import Tensor

/// Mean and standard deviation of an input of the network.
package struct InputStatistics: Sendable {
    let mean: Float
    let standardDeviation: Float

    /// Added to the standard deviation, so that silent input gives finite values.
    static let epsilon: Float = 1e-5

    /// Mean and unbiased standard deviation of `count` values with these moments.
    init(_ moments: Moments, count: Int) {
        let mean = moments[0] / Double(count)
        let variance =
            max(0, moments[1] - Double(count) * mean * mean) / Double(max(1, count - 1))
        self.mean = Float(mean)
        standardDeviation = Float(variance.squareRoot())
    }

    /// x · std + mean, in place; without an epsilon, as in the reference.
    func denormalise(_ x: Tensor, on backend: Backend) {
        backend.forEachTile(of: x.count, longest: 1 << 16) { range in
            let values = x.pointer
            for index in range {
                values[index] = values[index] * standardDeviation + mean
            }
        }
    }

    /// An affine map of channels followed by x · std + mean.
    func denormalising(_ affine: ChannelAffine, on backend: Backend) -> ChannelAffine {
        ChannelAffine(
            scale: affine.scale.floats.map { $0 * standardDeviation },
            shift: affine.shift.floats.map { $0 * standardDeviation + mean }, on: backend)
    }
}

extension DemucsNetwork {
    /// Elements in a tile of a pass over a whole tensor.
    static var tileElements: Int { 1 << 16 }

    /// `[channel, time]` → `[1, time, channel]`
    func channelsLast(_ mix: Tensor) -> Tensor {
        let (channels, samples) = (mix.shape[0], mix.shape[1])
        let result = backend.tensor(Shape(1, samples, channels))
        let longest = max(1, Self.tileElements / channels)
        backend.forEachTile(of: samples, longest: longest) { range in
            let (source, target) = (mix.pointer, result.pointer)
            for channel in 0..<channels {
                for time in range {
                    target[time * channels + channel] = source[channel * samples + time]
                }
            }
        }
        return result
    }
}
