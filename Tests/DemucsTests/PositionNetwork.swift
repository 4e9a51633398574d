// The fixtures' stand-in for a network (`PositionModel` in make_separation_fixtures.py), and what the
// tests of the pipeline share.

import Demucs
import HTDemucs
import Synchronization
import Tensor
import TestSupport

/// Adds to each sample its neighbour, its position and the input's length, scaled by source.
struct PositionNetwork {
    static let format = NetworkFormat(
        samplerateHz: 100, sourceCount: 2, channelCount: 2, trainingSamples: 200)

    let backend: Backend

    /// Pads like `HTDemucs.forward`: not at all, since the arithmetic does not need it.
    func callAsFunction(_ mix: Tensor) -> Tensor {
        let (channels, samples) = (mix.shape[0], mix.shape[1])
        let output = backend.tensor([2, channels, samples])
        let shift = Float(Double(samples) / 4096)
        for source in 0..<2 {
            for channel in 0..<channels {
                for sample in 0..<samples {
                    let index = channel * samples + sample
                    let before = sample > 0 ? mix.pointer[index - 1] : 0
                    let y = mix.pointer[index] + before * 0.5 + Float(sample) / 1024
                    output.pointer[source * channels * samples + index] =
                        y * Float(source + 1) + shift
                }
            }
        }
        withExtendedLifetime(mix) {}
        return output
    }
}

/// `[channel][sample]` of a golden track.
func track(_ name: String, in fixture: Fixture) throws -> [[Float]] {
    let shape = try fixture.shape("mix.\(name)")
    let values = try fixture.floats("mix.\(name)")
    return (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) }
}

/// A track in memory, given in blocks of a few samples.
func measured(_ track: [[Float]], blockSamples: Int = 77) -> NormalizedSource {
    var statistics = TrackStatistics()
    statistics.add(track)
    var position = 0
    return NormalizedSource(sampleCount: track[0].count, statistics: statistics) {
        let end = min(position + blockSamples, track[0].count)
        defer { position = end }
        return position == end ? nil : track.map { Array($0[position..<end]) }
    }
}

/// Runs the pipeline and joins its blocks: `[source × channel, samples]`, row-major.
func separate(
    _ track: [[Float]], format: NetworkFormat, options: SeparationOptions, lanes: Int = 1,
    cancellation: CancellationToken = CancellationToken(),
    progress: (SeparationProgress) -> Void = { _ in },
    network: @escaping @Sendable (Tensor) throws -> Tensor
) throws -> [Float] {
    var rows = [[Float]](repeating: [], count: format.sourceCount * format.channelCount)
    try TrackPipeline(bag: Bag(format), options: options, seed: options.seed ?? 0).run(
        measured(track), backend: try Backend(threads: 1),
        lanes: [TrackPipeline.Network](repeating: { _, mix in try network(mix) }, count: lanes),
        cancellation: cancellation, progress: progress,
        sink: { block in
            for row in rows.indices { rows[row] += block.row(row) }
        })
    return rows.flatMap { $0 }
}

/// Counts calls from any thread.
final class Counter: Sendable {
    private let count = Mutex(0)

    /// 1, 2, 3, …
    func next() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
