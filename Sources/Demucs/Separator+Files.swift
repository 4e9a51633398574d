// Separating files into files, in memory that doesn't grow with their length.

import Audio
import HTDemucs

extension Separator {
    /// Separates a track into files.
    ///
    /// The track is decoded twice: once for its length and statistics, once for its segments. Stems
    /// are encoded as they leave the network. With the clip mode `rescale` they wait in temporary
    /// files for their peak: 4 bytes for each sample of each output. Files appear under their names
    /// when they are complete.
    ///
    /// Only the networks that the outputs need run; samples are the same as if all did.
    /// - Parameters:
    ///   - input: an opened track.
    ///   - excerpt: the part to separate; `nil` for all of it.
    ///   - outputs: at least one; folders have to be there.
    ///   - output: how signals are written.
    ///   - options: how the track is cut into segments.
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled. Outputs
    ///     that are complete stay.
    ///   - progress: told before the first and after each segment, on the calling thread.
    /// - Throws: `SeparationError`, `AudioError`, `CancellationError`.
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, into outputs: [StemOutput],
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions(),
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in }
    ) throws -> TrackReport {
        try excerpt?.validate()
        return try separate(
            recording(downmix: output.downmix) {
                let reader = try input.reader()
                return try excerpt.map { try ExcerptReader(of: reader, $0) } ?? reader
            }, tags: output.copiesTags ? input.tags : nil, into: outputs, output: output,
            options: options, cancellation: cancellation, progress: progress,
            check: input.checkUnchanged)
    }

    /// Separates a track that can be read twice.
    ///
    /// - Parameter check: called when all of the track was read, before files are finished.
    func separate(
        _ recording: Recording, tags: AudioTags?, into outputs: [StemOutput],
        output: OutputOptions, options: SeparationOptions, cancellation: CancellationToken,
        progress: (SeparationProgress) -> Void, check: () throws -> Void = {}
    ) throws -> TrackReport {
        try options.validate()
        let needed = try bag(for: outputs, output)
        let measured = try recording.measure(cancellation: cancellation)
        let isInputRate = output.rate == .input
        let files = try TrackOutputs(
            outputs, stems: needed.names,
            shape: SignalWriter.Shape(
                channelCount: model.audioChannels, modelRateHz: model.sampleRateHz,
                sampleRateHz: isInputRate ? measured.sampleRateHz : model.sampleRateHz,
                sampleCount: isInputRate
                    ? measured.recordedSamples : measured.track.sampleCount),
            options: output, tags: tags, threads: threads)
        let seed = options.seedOrDrawn()
        try run(
            measured.track, bag: needed.bag, options: options, seed: seed,
            cancellation: cancellation, progress: progress, sink: files.append)
        try check()
        return TrackReport(
            seed: options.shifts > 0 ? seed : nil,
            durationSeconds: Double(measured.recordedSamples) / Double(measured.sampleRateHz),
            sampleRateHz: measured.sampleRateHz, channelCount: measured.channelCount,
            warnings: measured.warnings, outputs: try files.finish(cancellation: cancellation))
    }

    /// The bag that gives the stems that outputs need, and no others.
    ///
    /// - Throws: `SeparationError.invalidOption` for a stem that this separator doesn't give, for no
    ///   output at all, and for a common gain with a clip mode that has none.
    private func bag(
        for outputs: [StemOutput], _ options: OutputOptions
    ) throws(SeparationError) -> (bag: Bag, names: [String]) {
        if options.gain == .common, options.clipMode != .rescale {
            throw .invalidOption(
                name: "gain", value: options.gain.rawValue,
                allowed: "stem, unless the clip mode is rescale")
        }
        let names = outputs.flatMap(\.signal.stems)
        let known = model.sources.joined(separator: ", ")
        if outputs.isEmpty || outputs.contains(where: \.signal.stems.isEmpty) {
            throw .invalidOption(name: "stems", value: "[]", allowed: "at least one of \(known)")
        }
        if let unknown = names.first(where: { !model.sources.contains($0) }) {
            throw .invalidOption(name: "stems", value: unknown, allowed: "one of \(known)")
        }
        let needed = zip(bag.stems, model.sources).filter { names.contains($0.1) }
        return (Bag(bag.members, stems: needed.map(\.0)), needed.map(\.1))
    }
}
