// A stand-in for a network, as in the fixtures (`PositionModel` in separation_fixtures.py),
// and shared parts of the pipeline's tests.

import HTDemucs
import Networks
import Signal
import Synchronization
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// Adds to each sample its neighbour, its position and the input's length, scaled by source.
struct PositionNetwork {
    /// The fixtures' configuration, as far as the cutting of a track depends on it. Without a
    /// transformer, which would draw random numbers.
    static func configuration(
        sources: Int = 2, channels: Int = 2, segmentSamples: Int = 200, rateHz: Int = 100,
        padsToTraining: Bool = true
    ) throws -> Configuration {
        var values = Configuration.Hyperparameters(sources: (0..<sources).map { "source \($0)" })
        values.audioChannels = channels
        values.samplerate = rateHz
        values.segment = .fraction(numerator: segmentSamples, denominator: rateHz)
        values.useTrainSegment = padsToTraining
        values.tLayers = 0
        return try Configuration(values)
    }

    let backend: Backend

    init() throws { backend = try Backend(threads: 1) }

    /// Returns `[2, channels, samples]`. No padding as in `HTDemucs.forward`: the arithmetic does
    /// not need it.
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

/// A family without shifts, whose chunks overlap.
func chunkRules(
    _ overlapCount: Int, samples: Int, rateHz: Int = 100, normalises: Bool = false
) -> TrackRules {
    TrackRules(
        sources: ["mine", "source 1"], audioChannels: 2, sampleRateHz: rateHz,
        segmentSamples: samples, longestSegmentSamples: 900, normalises: normalises,
        cutting: .chunks(overlapCount: overlapCount))
}

/// `[channel][sample]` of a golden track.
func track(_ name: String, in fixture: Fixture) throws -> [[Float]] {
    let shape = try fixture.shape("mix.\(name)")
    let values = try fixture.floats("mix.\(name)")
    return (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) }
}

/// Stereo of numbers from `least` to 2 more, which come again after 1,009 samples.
func scattered(samples: Int, from least: Float = -1) -> [[Float]] {
    [7919, 7907].map { step in (0..<samples).map { Float($0 * step % 1009) / 500 + least } }
}

/// Stereo of equal samples.
func constant(_ value: Float, samples: Int) -> [[Float]] {
    [[Float]](repeating: [Float](repeating: value, count: samples), count: 2)
}

/// A recording in memory that is read in short blocks.
///
/// - Parameter read: called with the samples of each block.
func shortBlockReader(
    _ channels: [[Float]], blockSamples: Int = 77,
    read: @escaping (_ sampleCount: Int) -> Void = { _ in }
) -> RangeReader {
    let audio = PlanarAudio(channels: channels, sampleRateHz: 100)
    return RangeReader(
        channelCount: channels.count, sampleRateHz: 100, sampleCount: audio.sampleCount,
        blockSamples: blockSamples
    ) { range in
        read(range.count)
        return audio[range]
    }
}

/// A track in memory.
///
/// - Parameter open: returns the readers of the passes; nil for the same samples in each pass.
func measured(_ track: [[Float]], open: (() -> RangeReader)? = nil) throws -> Track {
    let unchanged = try #require(
        AudioConversion(channels: track.count, rateHz: 100, toChannels: track.count, rateHz: 100))
    return try Track(
        unchanged, cancellation: CancellationToken(),
        ranges: open ?? { shortBlockReader(track) })
}

/// The samples of the track that a separation holds, by the names of its private properties.
func heldSamples(_ separation: Any) throws -> Int {
    let held = Mirror(reflecting: separation).descendant("window", "held")
    return try #require(held as? PlanarAudio).sampleCount
}

/// Runs the pipeline.
///
/// - Parameter watch: called with each progress.
func separate(
    _ track: Track, bag: Bag? = nil, options: SeparationOptions,
    startingAt start: Int = 0, workers: Int = 1,
    cancellation: CancellationToken = CancellationToken(),
    progress: (SeparationProgress) -> Void = { _ in },
    watch: (TrackPipeline) -> Void = { _ in },
    network: @escaping @Sendable (Tensor) throws -> Tensor, sink: (StemBlock) throws -> Void
) throws {
    var random = PythonRandom(seed: options.seed ?? 0)
    let pipeline = try TrackPipeline(
        track, bag: bag ?? Bag(PositionNetwork.configuration().trackRules), options: options,
        random: &random, backend: Backend(threads: 1),
        workers: [TrackPipeline.Network](repeating: { _, mix in try network(mix) }, count: workers),
        cancellation: cancellation, startingAt: start)
    while let block = try pipeline.next(progress: {
        watch(pipeline)
        progress($0)
    }) { try sink(block) }
}

/// Runs the pipeline and joins its blocks: `[source × channel, samples]`, row-major.
func separate(
    _ track: [[Float]], configuration: Configuration? = nil, options: SeparationOptions,
    workers: Int = 1, cancellation: CancellationToken = CancellationToken(),
    progress: (SeparationProgress) -> Void = { _ in },
    network: @escaping @Sendable (Tensor) throws -> Tensor
) throws -> [Float] {
    let configuration = try configuration ?? PositionNetwork.configuration()
    var rows = PlanarAudio(
        channelCount: configuration.arguments.sources.count * configuration.arguments.audioChannels,
        sampleRateHz: 100)
    try separate(
        measured(track), bag: Bag(configuration.trackRules), options: options, workers: workers,
        cancellation: cancellation, progress: progress, network: network
    ) { rows.append($0.stems) }
    return rows.channels.flatMap { $0 }
}

/// Counts calls from any thread.
final class Counter: Sendable {
    private let count = Mutex(0)

    /// Returns 1, 2, 3, …
    func next() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
