import Analysis
import Demucs
import Tensor
import Tracks

/// Analyses the stems that a separation into files makes.
package final class TrackAnalyzer: StemObserver {
    private var analyzer: MusicAnalyzer?

    package init() {}

    package func begin(_ track: ObservedTrack) throws {
        analyzer = MusicAnalyzer(
            sources: track.stems, channelCount: track.shape.channelCount,
            sampleRateHz: track.shape.modelRateHz, statistics: track.statistics,
            backend: try Backend(threads: 1))
    }

    package func append(_ block: StemBlock) { analyzer?.append(block) }

    /// The analysis of the stems, made at the first call; nil before the separation.
    package private(set) lazy var analysis = analyzer?.finish()

    package let findsTags = true

    package func addTags(to tags: inout AudioTags) {
        if let tempo = analysis?.beatsPerMinute { tags.beatsPerMinute = "\(Int(tempo.rounded()))" }
        if let key = analysis?.key { tags.key = key.symbol }
    }
}
