import Audio
import System

/// Gain and pan of a stem in a mix.
struct MixStrip: Sendable, Equatable {
    var gain: Float
    /// Pan from -1 (left) to 1 (right).
    var pan: Float = 0

    /// Adds a block of the stem to the sum.
    ///
    /// Pans like a browser's `StereoPannerNode` for two channels (Web Audio API, section 1.31.4):
    /// equal power for the channel that moves to the other side, while the other one stays. A stem
    /// of one channel counts as two equal ones, as in the page.
    ///
    /// - Parameters:
    ///   - block: `[channels, samples]`.
    ///   - sum: as many samples, changed in place; at least two channels if `pan` isn't 0.
    func add(_ block: PlanarAudio, to sum: inout PlanarAudio) {
        // Missing channels are copies of the last one.
        func source(_ channel: Int) -> [Float] {
            block.channels[min(channel, block.channelCount - 1)]
        }
        for channel in sum.channels.indices where pan == 0 || channel > 1 {
            sum.add(source(channel), times: gain, to: channel)
        }
        guard pan != 0 else { return }
        let angle = (pan < 0 ? pan + 1 : pan) * Float.pi / 2
        let moving = pan < 0 ? (from: 1, to: 0) : (from: 0, to: 1)
        // Panned right, the moving channel keeps cos(angle) of its level; panned left, sin(angle).
        let kept = pan < 0 ? sin(angle) : cos(angle)
        let moved = pan < 0 ? cos(angle) : sin(angle)
        sum.add(source(moving.to), times: gain, to: moving.to)
        sum.add(source(moving.from), times: gain * moved, to: moving.to)
        sum.add(source(moving.from), times: gain * kept, to: moving.from)
    }
}

extension PlanarAudio {
    /// Adds samples, multiplied by a factor, to those of a channel.
    fileprivate mutating func add(_ source: [Float], times factor: Float, to channel: Int) {
        guard factor != 0 else { return }
        channels[channel].withUnsafeMutableBufferPointer { samples in
            for (index, sample) in zip(samples.indices, source) {
                samples[index] += sample * factor
            }
        }
    }
}
