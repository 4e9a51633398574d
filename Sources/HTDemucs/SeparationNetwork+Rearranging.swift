// What the passes of all networks have at their ends: statistics of the input and their return, and
// the order of a waveform's axes.

import Layers
import Tensor

/// Mean and standard deviation of an input of the network.
struct InputStatistics {
    let mean: Float
    let standardDeviation: Float

    /// Keeps the division of a silent input finite.
    static let epsilon: Float = 1e-5

    /// Of `count` values with these moments, the deviation unbiased.
    init(_ moments: Moments, count: Int) {
        let mean = moments[0] / Double(count)
        let variance =
            max(0, moments[1] - Double(count) * mean * mean) / Double(max(1, count - 1))
        self.mean = Float(mean)
        standardDeviation = Float(variance.squareRoot())
    }
}

extension SeparationNetwork {
    /// Elements in a tile of a pass over a whole tensor.
    static var tileElements: Int { 1 << 16 }

    /// x · std + mean, in place; the reference adds no epsilon on the way back.
    func denormalise(_ x: Tensor, _ statistics: InputStatistics) {
        backend.forEachTile(of: x.count, longest: Self.tileElements) { range in
            let values = x.pointer
            for index in range {
                values[index] = values[index] * statistics.standardDeviation + statistics.mean
            }
        }
    }

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
