// Separates a track into files.

import Audio
import DemucsEngine
import Signal
import System
import Tracks

extension Separator {
    /// Separates a track into files. Blocks until the files are complete.
    ///
    /// ``separate(_:excerpt:into:output:options:)`` describes parameters and errors.
    /// - Parameters:
    ///   - stemFile: a stem file to write too, which the report lists last; `outputs` may be empty
    ///     then.
    ///   - maximumSeconds: longest track, or excerpt of it, to accept; `nil` for any length.
    ///   - observer: sees the stems as they are finished, on the calling thread.
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled. Complete
    ///     files stay.
    ///   - progress: called before the first segment, and when each begins and has ended, on the
    ///     calling thread.
    ///   - open: opens a reader of `input` for each pass over it; nil for its own reader.
    package func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, into outputs: [StemOutput],
        stemFile: StemFileOutput? = nil, output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions(), maximumSeconds: Double? = nil,
        observer: (any StemObserver)? = nil,
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in },
        open: (@Sendable () throws -> any RecordingReader)? = nil
    ) throws -> TrackReport {
        try excerpt?.validate()
        try options.validate()
        try SeparationError.require(
            output.gain != .common || output.clipMode.keepsSums, "gain",
            output.gain.rawValue, "stem, unless the clip mode is rescale or off")
        let needed = try stems(
            for: outputs.map(\.signal) + (stemFile?.parts.map(\.signal) ?? []))
        let recording = try recording(
            excerpt: excerpt, downmix: output.downmix, maximumSeconds: maximumSeconds,
            cancellation: cancellation, open: open ?? input.reader)
        let isInputRate = output.rate == .input
        let shape = SignalShape(
            channelCount: model.audioChannels, modelRateHz: model.sampleRateHz,
            sampleRateHz: isInputRate ? recording.sampleRateHz : model.sampleRateHz,
            sampleCount: isInputRate ? recording.sampleCount : recording.track.sampleCount,
            track: isInputRate ? recording.ownRate : nil)
        var tags = output.copiesTags ? input.tags : nil
        let findsTags = tags != nil && observer?.findsTags == true
        if findsTags { tags?.roomBytes = AudioTags.roomForFoundBytes }
        let files = try StemFiles(
            outputs,
            stemFile: stemFile.map {
                try StemFileWriter($0, shape: shape, options: output)
            }, of: input, stems: needed, shape: shape, options: output,
            tags: tags, threads: threads)
        let seed = options.seedOrDrawn()
        var random = PythonRandom(seed: seed)
        let pipeline = try pipeline(
            recording.track, stems: needed, options: options, random: &random,
            spoolFolder: output.spoolFolder, cancellation: cancellation)
        try observer?.begin(
            ObservedTrack(stems: needed, shape: shape, statistics: recording.track.statistics))
        while let block = try pipeline.next(progress: progress) {
            try observer?.append(block)
            try files.append(block)
        }
        try input.checkUnchanged()
        if findsTags, var found = tags {
            found.roomBytes = 0
            observer?.addTags(to: &found)
            tags = found
        }
        let written = try files.finish(tags: findsTags ? tags : nil, cancellation: cancellation)
        let limited = written.filter { $0.limitedSamples > 0 }.map {
            AudioWarning.limited(
                output: $0.path.map(FilePath.name) ?? $0.name, samples: $0.limitedSamples)
        }
        var warnings = recording.warnings + limited
        // Raw samples have no tags.
        if let reason = tags?.lostCover, tags?.cover == nil,
            stemFile != nil || output.format.container != .rawFloat32
        {
            warnings.append(.coverLeftOut(path: input.name, reason: reason))
        }
        return TrackReport(
            seed: options.shifts > 0 ? seed : nil,
            durationSeconds: Double(recording.sampleCount) / Double(recording.sampleRateHz),
            sampleRateHz: recording.sampleRateHz, channelCount: recording.channelCount,
            warnings: warnings, outputs: written)
    }
}
