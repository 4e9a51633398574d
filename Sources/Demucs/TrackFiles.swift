// Both ends of a separation for those who put something else between them: a track as a model takes
// it, and stems that go into files.

import Audio
import HTDemucs

/// A sound file at a model's channels and rate, to be read as often as it takes.
package struct TrackInput {
    package let name: String
    private let recording: Recording

    /// - Parameter channelCount: of the model.
    package init(_ input: AudioInput, channelCount: Int, rateHz: Int) {
        name = input.name
        recording = Recording(
            open: { try input.reader() }, channelCount: channelCount, rateHz: rateHz,
            downmix: .first)
    }

    /// Reads the track to its end, for its length and statistics.
    ///
    /// - Throws: `SeparationError.emptyAudio`, `AudioError`, `CancellationError`.
    package func measure(
        cancellation: CancellationToken
    ) throws -> (track: NormalizedSource, warnings: [AudioWarning]) {
        let measured = try recording.measure(cancellation: cancellation)
        return (measured.track, measured.warnings)
    }

    /// A measured track from its beginning.
    ///
    /// - Throws: `AudioError`.
    package func again(_ track: NormalizedSource) throws -> NormalizedSource {
        let stream = try recording.stream(recording.open())
        return NormalizedSource(
            sampleCount: track.sampleCount, statistics: track.statistics,
            next: { try stream.next() })
    }
}

/// Files of stems that are being written.
package struct StemFiles {
    private let outputs: TrackOutputs

    /// Opens temporary files.
    ///
    /// - Parameters:
    ///   - outputs: stems, each under its name; folders have to be there.
    ///   - stems: names of the stems in a block, in their order.
    ///   - options: what they say of the input goes without meaning.
    /// - Throws: `SeparationError`, `AudioError`.
    package init(
        _ outputs: [StemOutput], stems: [String], channelCount: Int, rateHz: Int,
        sampleCount: Int, options: OutputOptions, threads: Int
    ) throws {
        self.outputs = try TrackOutputs(
            outputs, stems: stems,
            shape: SignalWriter.Shape(
                channelCount: channelCount, modelRateHz: rateHz, sampleRateHz: rateHz,
                sampleCount: sampleCount),
            options: options, tags: nil, threads: threads)
    }

    /// Takes the next samples.
    ///
    /// - Parameter rows: `[stem × channel][sample]`, equally long.
    package func append(_ rows: [[Float]]) throws {
        try outputs.append(
            StemBlock(Array(rows.joined()), mixture: [], sampleCount: rows.first?.count ?? 0))
    }

    /// Completes all files.
    ///
    /// - Throws: `SeparationError`, `AudioError`, `CancellationError`.
    package func finish(cancellation: CancellationToken) throws {
        _ = try outputs.finish(cancellation: cancellation)
    }
}
