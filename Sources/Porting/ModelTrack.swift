// A track at a model's rate and channels, read from beginning to end as often as needed.

import Audio
import Separation
import Tensor

/// Decodes a file, converts it, and hands out its samples block by block.
package struct ModelTrack: Sendable {
    package let name: String
    private let audio: AudioBuffer
    package let warnings: [AudioWarning]

    private static let blockSamples = 1 << 16

    /// - Throws: `AudioError`.
    package init(
        _ input: AudioInput, channels: Int, rateHz: Int, on backend: Backend
    ) throws {
        let decoded = try AudioFile.read(input)
        name = input.name
        warnings = decoded.warnings
        audio = try decoded.buffer.converted(toChannels: channels, rateHz: rateHz, on: backend)
    }

    /// Calls `body` with one block after the other, `[channel][sample]`.
    func forEachBlock(_ body: ([[Float]]) throws -> Void) throws {
        for start in stride(from: 0, to: audio.sampleCount, by: Self.blockSamples) {
            let end = min(start + Self.blockSamples, audio.sampleCount)
            try body(audio.channels.map { Array($0[start..<end]) })
        }
    }

    /// Mean and scale, and the number of samples.
    func statistics() throws -> (statistics: TrackStatistics, samples: Int) {
        var statistics = TrackStatistics()
        var samples = 0
        try forEachBlock { block in
            statistics.add(block)
            samples += block[0].count
        }
        return (statistics, samples)
    }

    /// Calls `body` with windows of the track, zeros behind its end.
    ///
    /// - Parameters:
    ///   - starts: rising.
    ///   - length: samples of a window.
    ///   - body: is given the window's index and `[channel][length]`.
    func forEachWindow(
        at starts: [Int], length: Int, _ body: (_ index: Int, _ window: [[Float]]) throws -> Void
    ) throws {
        /// From sample `base` of the track on.
        var held = [[Float]](repeating: [], count: audio.channels.count)
        var base = 0
        var next = 0

        func giveNext() throws {
            let first = starts[next] - base
            try body(
                next,
                held.map { channel in
                    let present = channel.dropFirst(first).prefix(length)
                    return present + [Float](repeating: 0, count: length - present.count)
                })
            next += 1
        }
        func dropUnneeded() {
            let wanted = next < starts.count ? starts[next] : Int.max
            let count = min(wanted - base, held[0].count)
            guard count > 0 else { return }
            for channel in held.indices { held[channel].removeFirst(count) }
            base += count
        }

        try forEachBlock { block in
            for channel in held.indices { held[channel] += block[channel] }
            dropUnneeded()
            while next < starts.count, starts[next] + length <= base + held[0].count {
                try giveNext()
                dropUnneeded()
            }
        }
        while next < starts.count { try giveNext() }
    }
}
