// A separation under way by one model, or by several that follow each other.

import Signal
import System
import Tracks

/// Gives the stems of a track block by block.
///
/// With further models, the first one runs first: its stems wait in a temporary file, because a model
/// needs the statistics of the whole stem before its first segment. The further models then advance
/// together, so memory stays that of a few segments. Used by one thread at a time.
package final class StemPipeline {
    /// A model that separates a stem of the first one.
    struct Follower {
        /// Index of the stem among those of the first model's blocks.
        let stem: Int
        let separator: Separator
        /// The stems that are wanted of it.
        let bag: Bag
    }

    /// Where a row of the blocks comes from: a stem of the first model, or of a follower.
    enum Source {
        case first(Int)
        case follower(Int, Int)
    }

    /// The part of the work after the first model.
    private struct Rest {
        let reader: RangeReader
        /// The followers' pipelines, and their samples beyond the last block.
        var followers: [(pipeline: TrackPipeline, held: PlanarAudio)]
    }

    private let first: TrackPipeline
    private let channelCount: Int
    private let followers: [Follower]
    /// The stems of the blocks, in their order.
    private let sources: [Source]
    private let options: SeparationOptions
    private let spoolFolder: String
    private let cancellation: CancellationToken
    private var random: PythonRandom
    private var rest: Rest?
    private var progress = ChainProgress()

    /// - Parameters:
    ///   - channelCount: of each stem.
    ///   - followers: none, to give the blocks of the first model as they are.
    ///   - random: generator of the followers' shifts.
    init(
        _ first: TrackPipeline, channelCount: Int, followers: [Follower] = [],
        sources: [Source] = [], options: SeparationOptions, random: PythonRandom,
        spoolFolder: String? = nil, cancellation: CancellationToken
    ) {
        self.first = first
        self.channelCount = channelCount
        self.followers = followers
        self.sources = sources
        self.options = options
        self.random = random
        self.spoolFolder = spoolFolder ?? FilePath.temporaryFolder
        self.cancellation = cancellation
    }

    /// The next finished samples of the wanted stems; `nil` after the last.
    ///
    /// - Parameter report: called before the first segment, and when each begins and has ended.
    /// - Throws: the errors of ``TrackPipeline/next(progress:)``; `SeparationError.spoolFailed`.
    package func next(progress report: (SeparationProgress) -> Void) throws -> StemBlock? {
        if followers.isEmpty { return try first.next(progress: report) }
        if rest == nil { rest = try separateFirst(report) }
        guard let stored = try rest?.reader.next() else { return nil }
        let count = stored.sampleCount
        var parts: [PlanarAudio] = []
        for index in followers.indices {
            while let held = rest?.followers[index].held, held.sampleCount < count {
                let block = try rest?.followers[index].pipeline.next {
                    report(progress.stage(index + 1, $0))
                }
                guard let block else { throw SeparationError.inputChanged }
                rest?.followers[index].held.append(block.stems)
            }
            guard let held = rest?.followers[index].held else { return nil }
            parts.append(held[0..<count])
            rest?.followers[index].held.removeFirst(count)
        }
        let channels = sources.flatMap { source in
            switch source {
            case .first(let stem): stored.channels[rows(ofStem: stem)]
            case .follower(let index, let stem): parts[index].channels[rows(ofStem: stem)]
            }
        }
        return StemBlock(
            stems: PlanarAudio(channels: channels, sampleRateHz: stored.sampleRateHz),
            mixture: PlanarAudio(
                channels: Array(stored.channels.suffix(channelCount)),
                sampleRateHz: stored.sampleRateHz))
    }

    private func rows(ofStem stem: Int) -> Range<Int> {
        stem * channelCount..<(stem + 1) * channelCount
    }

    /// Runs the first model to the end, and starts the followers.
    private func separateFirst(_ report: (SeparationProgress) -> Void) throws -> Rest {
        var spool: SampleSpool?
        while let block = try first.next(progress: { report(progress.stage(0, $0)) }) {
            let audio = PlanarAudio(
                channels: block.stems.channels + block.mixture.channels,
                sampleRateHz: block.stems.sampleRateHz)
            let open =
                try spool
                ?? SampleSpool(
                    in: spoolFolder, channelCount: audio.channelCount,
                    sampleRateHz: audio.sampleRateHz)
            try open.append(audio)
            spool = open
        }
        guard let spool else { throw SeparationError.inputChanged }
        try spool.finish()
        let pipelines = try followers.map { follower in
            let rows = rows(ofStem: follower.stem)
            let recording = try follower.separator.recording(cancellation: cancellation) {
                spool.reader(ofChannels: rows)
            }
            let pipeline = try follower.separator.trackPipeline(
                recording.track, bag: follower.bag,
                options: options.ofFollower(follower.bag), random: &random,
                cancellation: cancellation)
            let held = PlanarAudio(
                channelCount: follower.bag.stems.count * channelCount,
                sampleRateHz: follower.bag.sampleRateHz)
            return (pipeline, held)
        }
        return Rest(reader: spool.reader(), followers: pipelines)
    }

    func expect(segmentsOfFollowers counts: [Int]) { progress.expected = [0] + counts }
}

/// The progress of models that follow each other, as of one separation.
private struct ChainProgress {
    /// Segments of each model, as far as known before it begins.
    var expected: [Int] = []
    private var done: [Int: Int] = [:]

    mutating func stage(_ index: Int, _ progress: SeparationProgress) -> SeparationProgress {
        expected[index] = progress.segmentsTotal
        done[index] = progress.segmentsDone
        return progress.with(
            segmentsDone: done.values.reduce(0, +), segmentsTotal: expected.reduce(0, +))
    }
}
