import Audio
import Signal
import System

/// Writes a signal block by block: finds the peak, and encodes at once, so that encoding runs beside the
/// network. A signal that may have to be rescaled is spooled too, and encoded again if its peak is too high.
///
/// Used by one thread at a time, not always the same one.
final class SignalWriter: @unchecked Sendable {
    private let output: StemOutput
    private let options: OutputOptions
    private let shape: SignalShape
    private var tags: AudioTags?
    private var source: SignalSource
    private var spool: SampleSpool?
    private var writer: AudioWriter?

    /// The largest magnitude so far.
    private(set) var peak: Float = 0

    /// - Parameters:
    ///   - stems: names of the stems in a block, in their order.
    ///   - tags: title, artist and so on; `nil` for none.
    /// - Throws: `AudioError.unwritable`.
    init(
        _ output: StemOutput, stems: [String], shape: SignalShape, options: OutputOptions,
        tags: AudioTags?
    ) throws {
        self.output = output
        self.options = options
        self.shape = shape
        self.tags = tags
        source = SignalSource(output.signal, stems: stems, shape: shape)
        if options.clipMode == .rescale {
            spool = try SampleSpool(
                in: output.spoolFolder(options), channelCount: shape.channelCount,
                sampleRateHz: shape.sampleRateHz)
        }
        // A stream takes no bytes back.
        if spool == nil || output.path != nil { writer = try makeWriter(divisor: 1) }
    }

    private func makeWriter(divisor: Float) throws(AudioError) -> AudioWriter {
        try AudioWriter(
            to: output.destination, channelCount: shape.channelCount,
            sampleRateHz: shape.sampleRateHz, sampleCount: shape.sampleCount,
            format: options.format, clip: options.clipMode, divisor: divisor,
            tags: (tags ?? AudioTags()).titled(output.name))
    }

    /// Takes the next samples.
    func append(_ block: StemBlock) throws {
        try put(try source.append(block))
    }

    /// Ends the signal; ``peak`` is then that of the whole signal.
    func end() throws {
        try put(try source.finish())
        try spool?.finish()
    }

    /// Completes the file.
    ///
    /// - Parameters:
    ///   - commonPeak: peak of all signals, if they share a gain.
    ///   - tags: in the place of those that the signal began with; `nil` for these.
    func finish(
        commonPeak: Float?, tags newTags: AudioTags?, cancellation: CancellationToken
    ) throws -> TrackReport.Output {
        if let newTags, tags != nil {
            tags = newTags
            writer?.replaceTags(newTags.titled(output.name))
        }
        var gain: Float = 1
        if let spool {
            let divisor = options.clipMode.divisor(peak: commonPeak ?? peak)
            gain = 1 / divisor
            if divisor != 1 { writer = nil }
            if writer == nil {
                let writer = try makeWriter(divisor: divisor)
                self.writer = writer
                let reader = spool.reader()
                while let block = try reader.next() {
                    try cancellation.check()
                    try writer.append(block)
                }
            }
            self.spool = nil
        }
        guard let writer else { preconditionFailure("there is a writer from here on") }
        let written = try writer.finish()
        return TrackReport.Output(
            name: output.name, path: output.path, peak: peak, gain: gain,
            durationSeconds: Double(shape.sampleCount) / Double(shape.sampleRateHz),
            sha256: written.sha256, bytes: written.count, limitedSamples: writer.limitedSamples)
    }

    private func put(_ audio: PlanarAudio) throws {
        peak = max(peak, audio.peak)
        if options.clipMode.divisor(peak: peak) != 1 { writer = nil }
        try spool?.append(audio)
        do {
            try writer?.append(audio)
        } catch {
            // Reported when the signal ends: a growing job shows its finished part until then.
            guard spool != nil, case .outputNotFinite = error else { throw error }
            writer = nil
        }
    }
}
