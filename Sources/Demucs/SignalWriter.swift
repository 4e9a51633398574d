// Writes one signal from separated stems into a file.

import Audio
import Signal
import System

/// Channels, rates and length of the written signals of a track.
package struct SignalShape: Sendable {
    package let channelCount: Int
    /// Rate of the separated stems.
    package let modelRateHz: Int
    /// Rate of the files.
    package let sampleRateHz: Int
    /// Samples of each channel in a file.
    package let sampleCount: Int

    package init(channelCount: Int, modelRateHz: Int, sampleRateHz: Int, sampleCount: Int) {
        self.channelCount = channelCount
        self.modelRateHz = modelRateHz
        self.sampleRateHz = sampleRateHz
        self.sampleCount = sampleCount
    }
}

/// Writes a signal block by block: sums stems, resamples, finds the peak, and either encodes at
/// once or spools until the peak is known.
///
/// Used by one thread at a time, not always the same one.
final class SignalWriter: @unchecked Sendable {
    private let output: StemOutput
    private let options: OutputOptions
    /// Indices of the separated stems that are summed.
    private let stems: [Int]
    private let isMixtureMinus: Bool
    private let isMixture: Bool
    private let shape: SignalShape
    private let tags: AudioTags?
    private var resampling: ResamplingStream
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
        self.stems = stems.indices.filter { output.signal.stems.contains(stems[$0]) }
        isMixtureMinus = if case .mixtureMinus = output.signal { true } else { false }
        isMixture = output.signal == .mixture
        resampling = ResamplingStream(
            Resampler(from: shape.modelRateHz, to: shape.sampleRateHz),
            channelCount: shape.channelCount)
        if options.clipMode == .rescale {
            spool = try SampleSpool(
                in: output.spoolFolder(options), channelCount: shape.channelCount,
                sampleRateHz: shape.sampleRateHz)
        } else {
            writer = try makeWriter(divisor: 1)
        }
    }

    private func makeWriter(divisor: Float) throws(AudioError) -> AudioWriter {
        try AudioWriter(
            to: output.destination, channelCount: shape.channelCount,
            sampleRateHz: shape.sampleRateHz, sampleCount: shape.sampleCount,
            format: options.format, clip: options.clipMode, divisor: divisor, tags: tags)
    }

    /// Takes the next samples.
    func append(_ block: StemBlock) throws {
        try put(resampling.append(signal(in: block), limit: shape.sampleCount))
    }

    /// Ends the signal; ``peak`` is then that of the whole signal.
    func end() throws {
        try put(resampling.finish(outputCount: shape.sampleCount))
        try spool?.finish()
    }

    /// Completes the file.
    ///
    /// - Parameter commonPeak: peak of all signals, if they share a gain.
    func finish(commonPeak: Float?, cancellation: CancellationToken) throws -> TrackReport.Output {
        var gain: Float = 1
        if let spool {
            let divisor = options.divisor(peak: commonPeak ?? peak)
            gain = 1 / divisor
            let writer = try makeWriter(divisor: divisor)
            self.writer = writer
            let reader = spool.reader()
            while let block = try reader.next() {
                try cancellation.check()
                try writer.append(block)
            }
            self.spool = nil
        }
        guard let writer else { preconditionFailure("there is a writer from here on") }
        let written = try writer.finish()
        return TrackReport.Output(
            name: output.name, path: output.path, peak: peak, gain: gain,
            durationSeconds: Double(shape.sampleCount) / Double(shape.sampleRateHz),
            sha256: written.sha256, bytes: written.count)
    }

    private func put(_ audio: PlanarAudio) throws {
        peak = max(peak, audio.peak)
        try spool?.append(audio)
        try writer?.append(audio)
    }

    private func signal(in block: StemBlock) -> PlanarAudio {
        if isMixture { return block.mixture }
        let channels = (0..<shape.channelCount).map { channel in
            let rows = stems.map { block.stems.channels[$0 * shape.channelCount + channel] }
            let sum = SignalWriter.sum(rows)
            return isMixtureMinus ? zip(block.mixture.channels[channel], sum).map { $0 - $1 } : sum
        }
        return PlanarAudio(channels: channels, sampleRateHz: shape.modelRateHz)
    }

    /// Sums stems in their order, starting from zero, as the reference does for "no_vocals".
    private static func sum(_ rows: [[Float]]) -> [Float] {
        if rows.count == 1 { return rows[0] }
        var sum = [Float](repeating: 0, count: rows[0].count)
        for row in rows {
            for (index, sample) in zip(sum.indices, row) { sum[index] += sample }
        }
        return sum
    }
}
