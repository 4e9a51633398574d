// A separation whose audio arrives in blocks and whose stems are pulled in blocks.

import Audio
import Files
import HTDemucs
import Signal

/// Separates audio that arrives in blocks, in flat memory.
///
/// HTDemucs normalises a track by statistics of all of it. Where they are known beforehand, stems
/// leave about a segment after their samples came in; else blocks wait in a temporary file for the
/// track's end. Used by one thread at a time.
package final class SeparationStream {
    private enum State {
        /// Waiting for the track's end.
        case spooling(SampleSpool)
        /// Converting and separating what arrives.
        case live(AudioConversion, TrackPipeline)
        /// All input is there.
        case ended(TrackPipeline)
    }

    package let channelCount: Int
    package let sampleRateHz: Int
    private let separator: Separator
    private let options: SeparationOptions
    private let order: PassOrder
    /// Gives the shifts' offsets; once the stream has ended, or at once for a live stream, it is left as
    /// the reference leaves Python's.
    package private(set) var random: PythonRandom
    private let onSegment: (SegmentEvent) -> Void
    private let cancellation: CancellationToken
    private var state: State
    /// Samples of each channel that arrived.
    private var inputSamples = 0
    /// To the rate of the stems that are given; `nil` once they are complete.
    private var resampling: ResamplingStream?

    /// - Parameters:
    ///   - channelCount: of the blocks.
    ///   - sampleRateHz: of the blocks.
    ///   - normalization: of the whole track's mono mix at the model's rate, for a live stream;
    ///     `nil` measures it.
    ///   - isInputRate: whether stems have the blocks' rate and length, instead of the model's.
    ///   - spoolFolder: of the temporary file; `nil` for the system's. Live streams have none.
    ///   - random: gives the shifts' offsets; `nil` goes by the options' seed.
    ///   - order: interleaved for a live stream.
    ///   - onSegment: told of each segment by ``next()``.
    /// - Throws: `SeparationError` for options that don't fit; `AudioError` for channels or a rate that
    ///   no recording has, and if there is no temporary file.
    package init(
        _ separator: Separator, channelCount: Int, sampleRateHz: Int,
        normalization: Normalization?, isInputRate: Bool, spoolFolder: String?,
        options: SeparationOptions, random: PythonRandom? = nil, order: PassOrder = .interleaved,
        cancellation: CancellationToken, onSegment: @escaping (SegmentEvent) -> Void = { _ in }
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
        self.options = options
        self.random = random
        self.order = order
        self.cancellation = cancellation
        self.onSegment = onSegment
        if case .live(_, let pipeline) = state { pipeline.onSegment = onSegment }
    }

    /// Whether all input is there.
    package var hasEnded: Bool {
        if case .ended = state { true } else { false }
    }

    /// Takes the next block; all samples finite. The stream must not have ended.
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

    /// Takes the end of the input.
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
            let track = try separator.track(cancellation: cancellation) { spool.reader() }
            let pipeline = try separator.pipeline(
                track, options: options, random: &random, order: order,
                cancellation: cancellation)
            pipeline.onSegment = onSegment
            state = .ended(pipeline)
        case .live(var conversion, let pipeline):
            pipeline.append(conversion.finish())
            pipeline.endTrack()
            state = .ended(pipeline)
        case .ended: preconditionFailure("the stream has ended")
        }
    }

    /// The next samples of all stems, `[stem · channels + channel][sample]`; `nil` if there are none:
    /// after the last, or until more input is there.
    ///
    /// - Throws: `SeparationError.spoolFailed`, `CancellationError`.
    package func next() throws -> PlanarAudio? {
        let pipeline: TrackPipeline
        switch state {
        case .spooling: return nil
        case .live(_, let live): pipeline = live
        case .ended(let ended): pipeline = ended
        }
        while var rest = resampling {
            let block = try pipeline.next(progress: { _ in })
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
