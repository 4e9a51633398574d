// A separation that takes audio in blocks and returns stems in blocks.

import Audio
import Signal
import System
import Tracks

/// Separates audio that arrives in blocks, in constant memory.
///
/// HTDemucs normalises a track by statistics of the whole track. If they are given, the stream is
/// live: stems leave about one segment after their samples arrive. Otherwise blocks are spooled to
/// a temporary file until the track ends. Used by one thread at a time.
package final class SeparationStream {
    private enum State {
        /// Waiting for the track's end.
        case spooling(SampleSpool)
        /// Converting and separating each block.
        case live(AudioConversion, TrackPipeline)
        /// All input has arrived.
        case ended(StemPipeline)
    }

    package let channelCount: Int
    package let sampleRateHz: Int
    private let separator: Separator
    private let options: SeparationOptions
    /// Generator of the shifts' offsets. Once the stream has ended (a live stream: from the start)
    /// it has the state of Python's generator after the reference's separation.
    package private(set) var random: PythonRandom
    private let progress: (SeparationProgress) -> Void
    private let cancellation: CancellationToken
    private let spoolFolder: String?
    private var state: State
    /// Samples of each channel that arrived.
    private var inputSamples = 0
    /// Resampler to the rate of the stems; `nil` once the stems are complete.
    private var resampling: ResamplingStream?

    /// - Parameters:
    ///   - channelCount: channels of the blocks.
    ///   - sampleRateHz: rate of the blocks.
    ///   - normalization: statistics of the whole track's mono mix at the model's rate, for a live
    ///     stream; `nil` measures them.
    ///   - isInputRate: whether stems have the blocks' rate and length, instead of the model's.
    ///   - spoolFolder: folder of the temporary file; `nil` for the system's. Live streams have no
    ///     file.
    ///   - random: generator of the shifts' offsets; `nil` for one from the options' seed.
    ///   - progress: called by ``next()`` before the first segment, and when each begins and has
    ///     ended.
    /// - Throws: `SeparationError` for options that don't fit; `AudioError` for an invalid rate or
    ///   number of channels, and if no temporary file can be made.
    package init(
        _ separator: Separator, channelCount: Int, sampleRateHz: Int,
        normalization: Normalization?, isInputRate: Bool, spoolFolder: String?,
        options: SeparationOptions, random: PythonRandom? = nil, cancellation: CancellationToken,
        progress: @escaping (SeparationProgress) -> Void = { _ in }
    ) throws {
        let model = separator.model
        var random = random ?? PythonRandom(seed: options.seedOrDrawn())
        try PlanarAudio.validate(channelCount: channelCount, sampleRateHz: sampleRateHz)
        try separator.validate(options)
        let conversion = try AudioConversion(
            fromChannels: channelCount, rateHz: sampleRateHz, toChannels: model.audioChannels,
            rateHz: model.sampleRateHz)
        state =
            if let normalization {
                .live(
                    conversion,
                    try separator.livePipeline(
                        normalization, options: options, random: &random,
                        cancellation: cancellation))
            } else {
                .spooling(
                    try SampleSpool(
                        in: spoolFolder ?? FilePath.temporaryFolder, channelCount: channelCount,
                        sampleRateHz: sampleRateHz))
            }
        resampling = ResamplingStream(
            Resampler(
                from: model.sampleRateHz, to: isInputRate ? sampleRateHz : model.sampleRateHz),
            channelCount: model.sources.count * model.audioChannels)
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        self.separator = separator
        self.spoolFolder = spoolFolder
        self.options = options
        self.random = random
        self.cancellation = cancellation
        self.progress = progress
    }

    /// Whether all input has arrived.
    package var hasEnded: Bool {
        if case .ended = state { true } else { false }
    }

    /// Takes the next block, whose samples must be finite. The stream must not have ended.
    ///
    /// - Throws: `SeparationError.spoolFailed`.
    package func append(_ block: PlanarAudio) throws {
        precondition(block.channelCount == channelCount && block.sampleRateHz == sampleRateHz)
        switch state {
        case .spooling(let spool): try spool.append(block)
        case .live(var conversion, let pipeline):
            pipeline.append(conversion.convert(block))
            state = .live(conversion, pipeline)
        case .ended: preconditionFailure("the stream has ended")
        }
        inputSamples += block.sampleCount
    }

    /// Ends the input.
    ///
    /// - Throws: `SeparationError.emptyAudio`, `SeparationError.spoolFailed`; `SeparationError` for
    ///   options that don't fit the track's length; `CancellationError`.
    package func end() throws {
        guard inputSamples > 0 else {
            throw SeparationError.emptyAudio(channels: channelCount, samples: 0)
        }
        switch state {
        case .spooling(let spool):
            try spool.finish()
            let recording = try separator.recording(cancellation: cancellation) { spool.reader() }
            state = .ended(
                try separator.pipeline(
                    recording.track, options: options, random: &random,
                    spoolFolder: spoolFolder, cancellation: cancellation))
        case .live(var conversion, let pipeline):
            pipeline.append(conversion.finish())
            pipeline.endTrack()
            state = .ended(
                StemPipeline(
                    pipeline, channelCount: separator.model.audioChannels, options: options,
                    random: random, cancellation: cancellation))
        case .ended: preconditionFailure("the stream has ended")
        }
    }

    /// The next samples of all stems, `[stem · channels + channel][sample]`; `nil` after the last,
    /// or if more input is needed.
    ///
    /// - Throws: `SeparationError.spoolFailed`, `CancellationError`.
    package func next() throws -> PlanarAudio? {
        while var rest = resampling {
            let block: StemBlock?
            switch state {
            case .spooling: return nil
            case .live(_, let live): block = try live.next(progress: progress)
            case .ended(let ended): block = try ended.next(progress: progress)
            }
            if block == nil, !hasEnded { return nil }
            let stems =
                block.map { rest.append($0.stems, limit: inputSamples) }
                ?? rest.finish(outputCount: inputSamples)
            resampling = block == nil ? nil : rest
            if stems.sampleCount > 0 { return stems }
        }
        return nil
    }
}
