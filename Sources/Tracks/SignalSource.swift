// Also Embedded Swift: typed throws, no key paths, no casts.
// Makes the samples of one signal from separated stems.

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
    /// Begins a pass over the track at the rate of the files; `nil` for that of the model.
    package let track: (@Sendable () throws(AnyError) -> TrackStream)?

    package init(
        channelCount: Int, modelRateHz: Int, sampleRateHz: Int, sampleCount: Int,
        track: (@Sendable () throws(AnyError) -> TrackStream)? = nil
    ) {
        self.track = sampleRateHz == modelRateHz ? nil : track
        self.channelCount = channelCount
        self.modelRateHz = modelRateHz
        self.sampleRateHz = sampleRateHz
        self.sampleCount = sampleCount
    }
}

/// The samples of a signal as its file gets them, before gain and clipping: sums stems and resamples.
package struct SignalSource {
    private let shape: SignalShape
    /// Indices of the separated stems that are summed.
    private let stems: [Int]
    private let isMixtureMinus: Bool
    private let isMixture: Bool
    private var resampling: ResamplingStream
    /// The track at the rate of the files, and its samples beyond those that were given.
    private var track: TrackStream?
    private var held: PlanarAudio

    /// - Parameter stems: names of the stems in a block, in their order.
    package init(_ signal: StemSignal, stems: [String], shape: SignalShape) {
        self.shape = shape
        self.stems = stems.indices.filter { signal.stems.contains(stems[$0]) }
        isMixtureMinus = if case .mixtureMinus = signal { true } else { false }
        isMixture = signal == .mixture
        held = PlanarAudio(channelCount: shape.channelCount, sampleRateHz: shape.sampleRateHz)
        resampling = ResamplingStream(
            Resampler(from: shape.modelRateHz, to: shape.sampleRateHz),
            channelCount: shape.channelCount)
    }

    /// Takes the next samples of the stems, and gives those of the signal that they complete.
    ///
    /// - Parameter limit: samples to give for the whole signal; `nil` for those of the shape.
    /// - Throws: the errors of reading the track at another rate than the model's.
    package mutating func append(
        _ block: StemBlock, limit: Int? = nil
    ) throws(AnyError) -> PlanarAudio {
        try completed(resampling.append(signal(in: block), limit: limit ?? shape.sampleCount))
    }

    /// Gives the last samples.
    ///
    /// - Parameter sampleCount: samples of the whole signal; `nil` for those of the shape.
    /// - Throws: as ``append(_:limit:)``.
    package mutating func finish(sampleCount: Int? = nil) throws(AnyError) -> PlanarAudio {
        try completed(resampling.finish(outputCount: sampleCount ?? shape.sampleCount))
    }

    /// The signal at the rate of the files. The mixture and the rests take the track's own samples, which may reach above
    /// the model's band, so that stems and rest add up to the track.
    ///
    /// - Parameter audio: the resampled signal; of the mixture only its length counts.
    private mutating func completed(_ audio: PlanarAudio) throws(AnyError) -> PlanarAudio {
        guard let open = shape.track, isMixture || isMixtureMinus else { return audio }
        if track == nil { track = try open() }
        while held.sampleCount < audio.sampleCount {
            guard let block = try track?.next() else { throw SeparationError.inputChanged.erased }
            held.append(block)
        }
        var result = held[0..<audio.sampleCount]
        held.removeFirst(audio.sampleCount)
        if isMixture { return result }
        for (row, sum) in audio.channels.enumerated() {
            for index in sum.indices { result.channels[row][index] -= sum[index] }
        }
        return result
    }

    private func signal(in block: StemBlock) -> PlanarAudio {
        if isMixture { return block.mixture }
        let channels = (0..<shape.channelCount).map { channel in
            let rows = stems.map { block.stems.channels[$0 * shape.channelCount + channel] }
            let sum = SignalSource.sum(rows)
            return isMixtureMinus && shape.track == nil
                ? zip(block.mixture.channels[channel], sum).map { $0 - $1 } : sum
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

/// The samples of several signals: `[signal · channels + channel][sample]`.
package struct SignalRows {
    private var sources: [SignalSource]
    private let signals: [StemSignal]
    private let sampleRateHz: Int
    private var givenSamples = 0

    /// - Parameter stems: names of the stems in a block, in their order.
    package init(_ signals: [StemSignal], stems: [String], shape: SignalShape) {
        sources = signals.map { SignalSource($0, stems: stems, shape: shape) }
        self.signals = signals
        sampleRateHz = shape.sampleRateHz
    }

    /// Takes the next samples of the stems; `nil` for the end of the signals.
    ///
    /// - Parameter sampleCount: samples of each channel to give for the whole signal, as far as known.
    /// - Throws: as ``SignalSource/append(_:limit:)``, `SeparationError.stemNotFinite`.
    package mutating func append(
        _ block: StemBlock?, sampleCount: Int
    ) throws(AnyError) -> PlanarAudio {
        var rows: [[Float]] = []
        for index in sources.indices {
            if let block {
                rows += try sources[index].append(block, limit: sampleCount).channels
            } else {
                rows += try sources[index].finish(sampleCount: sampleCount).channels
            }
        }
        // Sums of finite stems may be too large.
        for (row, samples) in rows.enumerated() {
            guard let index = samples.withUnsafeBufferPointer({ $0.firstNotFinite }) else {
                continue
            }
            let channels = rows.count / signals.count
            throw SeparationError.stemNotFinite(
                stem: signals[row / channels].stems.joined(separator: "+"),
                seconds: Double(givenSamples + index) / Double(sampleRateHz),
                channel: row % channels
            ).erased
        }
        givenSamples += rows.first?.count ?? 0
        return PlanarAudio(channels: rows, sampleRateHz: sampleRateHz)
    }
}
