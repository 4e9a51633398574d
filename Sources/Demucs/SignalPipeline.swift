// A separation in progress whose blocks are the signals that were asked for.

import Signal
import System
import Tracks

/// The samples of several signals: `[signal · channels + channel][sample]`.
package struct SignalRows {
    private var sources: [SignalSource]
    private let sampleRateHz: Int

    /// - Parameter stems: names of the stems in a block, in their order.
    init(_ signals: [StemOutput.Signal], stems: [String], shape: SignalShape) {
        sources = signals.map { SignalSource($0, stems: stems, shape: shape) }
        sampleRateHz = shape.sampleRateHz
    }

    /// Takes the next samples of the stems; after the last block, `nil` for the end of the signals.
    ///
    /// - Parameter sampleCount: samples of each channel to give for the whole signal, as far as known.
    mutating func append(_ block: StemBlock?, sampleCount: Int) -> PlanarAudio {
        let rows = sources.indices.flatMap { index in
            block.map { sources[index].append($0, limit: sampleCount).channels }
                ?? sources[index].finish(sampleCount: sampleCount).channels
        }
        return PlanarAudio(channels: rows, sampleRateHz: sampleRateHz)
    }
}

/// Separates a recording into signals, block by block. Used by one thread at a time.
package struct SignalPipeline {
    /// Channels, rate and length of each signal.
    package let shape: SignalShape
    private let stems: StemPipeline
    private var rows: SignalRows
    private var hasEnded = false

    init(_ stems: StemPipeline, rows: SignalRows, shape: SignalShape) {
        self.stems = stems
        self.rows = rows
        self.shape = shape
    }

    /// The next samples of all signals, `[signal · channels + channel][sample]`; `nil` after the last.
    ///
    /// - Parameter report: called before the first and after each segment.
    /// - Throws: the errors of ``StemPipeline/next(progress:)``.
    package mutating func next(
        progress report: (SeparationProgress) -> Void
    ) throws -> PlanarAudio? {
        while !hasEnded {
            let block = try stems.next(progress: report)
            hasEnded = block == nil
            let samples = rows.append(block, sampleCount: shape.sampleCount)
            if samples.sampleCount > 0 { return samples }
        }
        return nil
    }
}

extension Separator {
    /// Channels, rate and length of the signals of a recording.
    func shape(of recording: Recording, rate: OutputOptions.Rate) -> SignalShape {
        SignalShape(
            channelCount: model.audioChannels, modelRateHz: model.sampleRateHz,
            sampleRateHz: rate == .input ? recording.sampleRateHz : model.sampleRateHz,
            sampleCount: rate == .input ? recording.sampleCount : recording.track.sampleCount)
    }

    /// Starts the separation of a recording into signals.
    ///
    /// - Parameters:
    ///   - random: generator of the shifts' offsets; its state is then that of Python's generator
    ///     after the reference's separation.
    ///   - spoolFolder: folder of the temporary file of stems that are separated further; `nil` for
    ///     the system's.
    /// - Throws: `SeparationError` for a stem that this separator doesn't give, and for options that
    ///   don't fit the track.
    package func pipeline(
        _ recording: Recording, into signals: [StemOutput.Signal],
        rate: OutputOptions.Rate = .model, options: SeparationOptions,
        random: inout PythonRandom, spoolFolder: String? = nil, cancellation: CancellationToken
    ) throws -> SignalPipeline {
        let needed = try stems(for: signals)
        let shape = shape(of: recording, rate: rate)
        return SignalPipeline(
            try pipeline(
                recording.track, stems: needed, options: options, random: &random,
                spoolFolder: spoolFolder, cancellation: cancellation),
            rows: SignalRows(signals, stems: needed, shape: shape), shape: shape)
    }
}
