// The analysis of stems that were separated before.

import Audio
import Signal
import Tensor
import Tracks

extension MusicAnalysis {
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
        try forEachBlock(open, goOn) { statistics.add($0.mixture) }
        let backend = try Backend(threads: 1)
        var analyzer: MusicAnalyzer?
        try forEachBlock(open, goOn) { block in
            let mixture = block.mixture
            if analyzer == nil {
                analyzer = MusicAnalyzer(
                    sources: names, channelCount: mixture.channelCount,
                    sampleRateHz: mixture.sampleRateHz, statistics: statistics, backend: backend)
            }
            analyzer?.append(block)
        }
        return analyzer?.finish() ?? MusicAnalysis()
    }

    private static func forEachBlock(
        _ open: () throws -> [any RecordingReader], _ goOn: () throws -> Void,
        _ body: (StemBlock) -> Void
    ) throws {
        let readers = try open()
        while true {
            try goOn()
            let blocks = try readers.compactMap { try $0.next() }
            guard let first = blocks.first, blocks.count == readers.count else { return }
            let stems = blocks.map(\.channels)
            let mixture = stems[0].indices.map { channel in
                stems.dropFirst().reduce(stems[0][channel]) { sum, stem in
                    zip(sum, stem[channel]).map { $0 + $1 }
                }
            }
            body(
                StemBlock(
                    stems: PlanarAudio(
                        channels: stems.flatMap { $0 }, sampleRateHz: first.sampleRateHz),
                    mixture: PlanarAudio(channels: mixture, sampleRateHz: first.sampleRateHz)))
        }
    }
}
