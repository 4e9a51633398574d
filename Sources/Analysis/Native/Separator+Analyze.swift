// The analysis of a track that is separated for it.

import Audio
import DemucsEngine
import System
import Tensor
import Tracks

extension Separator {
    /// Separates a track and finds its tempo, beats, bars and key in the stems; cancelling the task stops
    /// the work.
    ///
    /// The parameters and errors are those of `separate(_:excerpt:options:)`.
    public func analyze(
        _ input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions()
    ) async throws -> MusicAnalysis {
        try await onOwnThread { cancellation in
            try self.analyze(
                input, excerpt: excerpt, options: options, cancellation: cancellation
            ).analysis
        }
    }

    /// Separates a track and analyses its stems. Blocks until the analysis is complete.
    ///
    /// - Parameters:
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled.
    ///   - progress: called before the first and after each segment, on the calling thread.
    /// - Returns: the analysis, and warnings about the recording.
    /// - Throws: as ``separate(_:excerpt:options:progress:)``.
    package func analyze(
        _ input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions(),
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in }
    ) throws -> (analysis: MusicAnalysis, warnings: [AudioWarning]) {
        let result = try analyze(
            excerpt: excerpt, options: options, cancellation: cancellation, progress: progress,
            open: input.reader)
        try input.checkUnchanged()
        return result
    }

    /// Separates a track and analyses its stems.
    ///
    /// - Parameter open: returns a reader at the beginning of the track, for each pass.
    package func analyze(
        excerpt: Excerpt? = nil, options: SeparationOptions,
        cancellation: CancellationToken, progress: (SeparationProgress) -> Void,
        open: @escaping @Sendable () throws -> any RecordingReader
    ) throws -> (analysis: MusicAnalysis, warnings: [AudioWarning]) {
        try options.validate()
        var random = PythonRandom(seed: options.seedOrDrawn())
        let recording = try recording(
            excerpt: excerpt, cancellation: cancellation, open: open)
        let pipeline = try pipeline(
            recording.track, options: options, random: &random, cancellation: cancellation)
        var analyzer = MusicAnalyzer(
            sources: model.sources, channelCount: model.audioChannels,
            sampleRateHz: model.sampleRateHz, statistics: recording.track.statistics,
            backend: try Backend(threads: 1))
        while let block = try pipeline.next(progress: progress) { analyzer.append(block) }
        return (analyzer.finish(), recording.warnings)
    }
}
