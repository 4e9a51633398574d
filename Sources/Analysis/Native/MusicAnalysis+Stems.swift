// The analysis of stems that were separated before.

import Audio
import Signal
import Tensor
import Tracks

extension MusicAnalysis {
    /// The rate at which stems of files are analysed; others are resampled.
    private static let stemRateHz = 44_100

    /// Analyses stems that add up to a track.
    ///
    /// - Parameters:
    ///   - names: of the stems, as the model names its sources.
    ///   - open: returns readers at the beginning of the stems, in the order of the names, which give
    ///     equal blocks. Called twice.
    ///   - goOn: called for each block; its error ends the work.
    package static func of(
        stems names: [String], open: () throws -> [any RecordingReader], goOn: () throws -> Void
    ) throws -> MusicAnalysis {
        var statistics = TrackStatistics()
        var channelCount = 1
        try forEachBlock(open, goOn) { block in
            statistics.add(block.mixture)
            channelCount = block.mixture.channelCount
        }
        var analyzer = MusicAnalyzer(
            sources: names, channelCount: channelCount, sampleRateHz: stemRateHz,
            statistics: statistics, backend: try Backend(threads: 1))
        try forEachBlock(open, goOn) { analyzer.append($0) }
        return analyzer.finish()
    }

    private static func forEachBlock(
        _ open: () throws -> [any RecordingReader], _ goOn: () throws -> Void,
        _ body: (StemBlock) -> Void
    ) throws {
        let readers = try open()
        var streams = readers.map {
            ResamplingStream(
                Resampler(from: $0.sampleRateHz, to: stemRateHz), channelCount: $0.channelCount)
        }
        while true {
            try goOn()
            let blocks = try readers.compactMap { try $0.next() }
            guard !blocks.isEmpty, blocks.count == readers.count else { return }
            let stems = blocks.indices.map { streams[$0].append(blocks[$0]).channels }
            let mixture = stems[0].indices.map { channel in
                stems.dropFirst().reduce(stems[0][channel]) { sum, stem in
                    zip(sum, stem[channel]).map { $0 + $1 }
                }
            }
            body(
                StemBlock(
                    stems: PlanarAudio(channels: stems.flatMap { $0 }, sampleRateHz: stemRateHz),
                    mixture: PlanarAudio(channels: mixture, sampleRateHz: stemRateHz)))
        }
    }
}
