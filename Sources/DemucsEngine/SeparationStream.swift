import Signal
import System
import Tracks

/// Separates a recording, or audio that arrives in blocks, into signals, in constant memory.
///
/// HTDemucs normalises a track by statistics of the whole track, so blocks are spooled to a temporary
/// file until the track ends. With ``LiveOptions`` the stream is live: signals leave as soon as the
/// look-ahead has arrived, normalised by what has arrived so far. Used by one thread at a time.
package final class SeparationStream {
    private enum State {
        /// Waiting for the track's end.
        case spooling(SampleSpool)
        /// Converting and separating each block.
        case live(AudioConversion)
        /// All input of a live track has arrived.
        case endedLive
        /// All input has arrived, and the statistics are known.
        case ended(StemPipeline)
    }

    /// Most samples of a block of a live stream.
    private static let blockSamples = 1 << 15

    package let channelCount: Int
    package let sampleRateHz: Int
    private let separator: Separator
    private let signals: [StemSignal]
    /// Names of the separated stems, in the model's order.
    private let stems: [String]
    private let rate: OutputOptions.Rate
    private let options: SeparationOptions
    /// Generator of the shifts' offsets. Once the stream has ended it has the state of Python's
    /// generator after the reference's separation; a live stream draws nothing.
    package private(set) var random: PythonRandom
    private let cancellation: CancellationToken
    private let spoolFolder: String?
    private var state: State
    /// The passes of a live stream; `nil` for a recording.
    private var passes: LivePasses?
    /// The networks of a live stream.
    private lazy var network = separator.network(cancellation)
    /// What became silence of a live stream's input.
    package private(set) var liveGuard = LiveGuard()
    /// Passes of a live stream that became silence, because a network gave samples that are not finite.
    package var silencedPasses: Int { passes?.silencedPasses ?? 0 }
    /// Samples of each channel that arrived.
    private var inputSamples = 0
    /// The signals; `nil` once they are complete, and before the end of a recording that is spooled.
    private var rows: SignalRows?
    /// Samples of each signal; `nil` before the track's end.
    package private(set) var sampleCount: Int?

    /// - Parameters:
    ///   - signals: what to make of the stems; `nil` for the stems themselves.
    ///   - channelCount: channels of the blocks.
    ///   - sampleRateHz: rate of the blocks.
    ///   - live: for a live stream, which has no shifts and no overlap.
    ///   - rate: of the signals. That of the input gives signals as long as the blocks.
    ///   - spoolFolder: folder of the temporary file; `nil` for the system's. Live streams have no
    ///     file.
    ///   - random: generator of the shifts' offsets; `nil` for one from the options' seed.
    /// - Throws: `SeparationError` for options that don't fit; also for an invalid rate or number of
    ///   channels, and if no temporary file can be made.
    package init(
        _ separator: Separator, into signals: [StemSignal]? = nil, channelCount: Int,
        sampleRateHz: Int, live: LiveOptions? = nil,
        rate: OutputOptions.Rate = .model,
        spoolFolder: String? = nil, options: SeparationOptions, random: PythonRandom? = nil,
        cancellation: CancellationToken = CancellationToken()
    ) throws {
        let model = separator.model
        try PlanarAudio.validate(channelCount: channelCount, sampleRateHz: sampleRateHz)
        try separator.validate(options)
        if live != nil { try options.validateLookahead() }
        let signals = signals ?? model.sources.map { .stem($0) }
        let stems = try separator.stems(for: signals)
        let conversion = try AudioConversion(
            fromChannels: channelCount, rateHz: sampleRateHz, toChannels: model.audioChannels,
            rateHz: model.sampleRateHz)
        passes = try live.map { try separator.livePasses($0, stems: stems) }
        state =
            passes != nil
            ? .live(conversion)
            : .spooling(
                try SampleSpool(
                    in: spoolFolder ?? FilePath.temporaryFolder, channelCount: channelCount,
                    sampleRateHz: sampleRateHz))
        // A recording has its signals once its statistics are known.
        rows =
            passes == nil
            ? nil : separator.rows(signals, of: stems, inputRateHz: sampleRateHz, rate)
        self.signals = signals
        self.stems = stems
        self.rate = rate
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        self.separator = separator
        self.spoolFolder = spoolFolder
        self.options = options
        self.random = random ?? PythonRandom(seed: options.seedOrDrawn())
        self.cancellation = cancellation
    }

    /// Starts the separation of a recording that has been read once.
    ///
    /// The parameters are those of the other initialiser.
    package init(
        _ separator: Separator, of recording: Recording, into signals: [StemSignal]? = nil,
        rate: OutputOptions.Rate = .model, options: SeparationOptions, random: PythonRandom,
        cancellation: CancellationToken
    ) throws {
        let signals = signals ?? separator.model.sources.map { .stem($0) }
        let stems = try separator.stems(for: signals)
        var random = random
        state = .ended(
            try separator.pipeline(
                recording.track, stems: stems, options: options, random: &random,
                cancellation: cancellation))
        rows = separator.rows(
            signals, of: stems, inputRateHz: recording.sampleRateHz, rate, track: recording.ownRate)
        sampleCount = rate == .input ? recording.sampleCount : recording.track.sampleCount
        inputSamples = recording.sampleCount
        channelCount = recording.channelCount
        sampleRateHz = recording.sampleRateHz
        spoolFolder = nil
        self.signals = signals
        self.separator = separator
        self.stems = stems
        self.rate = rate
        self.options = options
        self.random = random
        self.cancellation = cancellation
    }

    /// Whether all input has arrived.
    package var hasEnded: Bool {
        switch state {
        case .spooling, .live: false
        case .endedLive, .ended: true
        }
    }

    /// Takes the next block, whose samples must be finite. In a live stream, samples beyond ±32 become
    /// silence. The stream must not have ended.
    ///
    /// - Throws: `SeparationError` `buffersDiffer` or `spoolFailed`.
    package func append(_ block: PlanarAudio) throws {
        try block.checkFormat(channelCount: channelCount, sampleRateHz: sampleRateHz)
        switch state {
        case .spooling(let spool): try spool.append(block)
        case .live(var conversion):
            passes?.append(conversion.convert(liveGuard.cleaned(block)))
            state = .live(conversion)
        case .endedLive, .ended: preconditionFailure("the stream has ended")
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
            sampleCount = rate == .input ? recording.sampleCount : recording.track.sampleCount
            rows = separator.rows(
                signals, of: stems, inputRateHz: sampleRateHz, rate, track: recording.ownRate)
            state = .ended(
                try separator.pipeline(
                    recording.track, stems: stems, options: options,
                    random: &random, spoolFolder: spoolFolder, cancellation: cancellation))
        case .live(var conversion):
            passes?.append(conversion.finish())
            passes?.endTrack()
            state = .endedLive
        case .endedLive, .ended: preconditionFailure("the stream has ended")
        }
    }

    /// The next samples of all signals, `[signal · channels + channel][sample]`; `nil` after the last,
    /// or if more input is needed.
    ///
    /// - Parameter report: called before the first and after each segment.
    /// - Throws: `SeparationError.spoolFailed`, `CancellationError`.
    package func next(
        progress report: (SeparationProgress) -> Void = { _ in }
    ) throws -> PlanarAudio? {
        while var rest = rows {
            let block: StemBlock?
            switch state {
            case .spooling: return nil
            case .live, .endedLive:
                block = try passes?.next(
                    atMost: Self.blockSamples, by: network, on: separator.backend,
                    cancellation: cancellation, progress: report
                )?.samples
            case .ended(let pipeline): block = try pipeline.next(progress: report)
            }
            if block == nil, !hasEnded { return nil }
            let samples = try rest.append(block, sampleCount: inputSamples)
            rows = block == nil ? nil : rest
            if samples.sampleCount > 0 { return samples }
        }
        return nil
    }
}

extension Separator {
    /// The rows of signals, whose length is not known yet.
    ///
    /// - Parameter track: begins a pass over the recording at its own rate; `nil` for a live one, whose rest is made at
    ///   the model's rate.
    fileprivate func rows(
        _ signals: [StemSignal], of stems: [String], inputRateHz: Int,
        _ rate: OutputOptions.Rate, track: (@Sendable () throws -> TrackStream)? = nil
    ) -> SignalRows {
        SignalRows(
            signals, stems: stems,
            shape: SignalShape(
                channelCount: model.audioChannels, modelRateHz: model.sampleRateHz,
                sampleRateHz: rate == .input ? inputRateHz : model.sampleRateHz,
                sampleCount: .max, track: track))
    }
}
