// Separating what is in memory.

import Audio
import HTDemucs

extension Separator {
    /// Separates a track.
    ///
    /// Audio of another rate or number of channels is converted first: mono is doubled, further
    /// channels are left out. Stems come with the model's rate and channels.
    ///
    /// - Parameters:
    ///   - audio: at least one sample; all samples finite.
    ///   - options: how it is cut into segments.
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled.
    ///   - progress: told before the first and after each segment, on the calling thread.
    /// - Throws: `SeparationError` for audio and options that can't be, `AudioError` for channels
    ///   that can't be converted, `CancellationError`.
    public func separate(
        _ audio: AudioBuffer, options: SeparationOptions = SeparationOptions(),
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in }
    ) throws -> Separation {
        try options.validate()
        try audio.checkSamples()
        let channelCount = model.audioChannels
        let measured = try recording { BufferReader(audio) }.measure(cancellation: cancellation)
        var rows = (0..<model.sources.count * channelCount).map { _ in
            var row: [Float] = []
            row.reserveCapacity(measured.track.sampleCount)
            return row
        }
        let seed = options.seedOrDrawn()
        try run(
            measured.track, bag: bag, options: options, seed: seed, cancellation: cancellation,
            progress: progress
        ) { block in
            for index in rows.indices { rows[index].append(contentsOf: block.row(index)) }
        }
        let stems = model.sources.enumerated().map { index, name in
            let first = index * channelCount
            return Stem(
                name: name,
                audio: AudioBuffer(
                    channels: Array(rows[first..<first + channelCount]),
                    sampleRateHz: model.sampleRateHz))
        }
        return Separation(stems: stems, seed: options.shifts > 0 ? seed : nil)
    }
}

extension AudioBuffer {
    /// Checks what a user of the library may have got wrong; files are checked when they are read.
    func checkSamples() throws(SeparationError) {
        guard let first = channels.first, !first.isEmpty else {
            throw .emptyAudio(channels: channels.count, samples: 0)
        }
        let rates = AudioReader.supportedRatesHz
        guard rates.contains(sampleRateHz) else {
            throw .invalidOption(
                name: "sample rate", value: "\(sampleRateHz)",
                allowed: "a number from \(rates.lowerBound) to \(rates.upperBound) Hz")
        }
        for (index, channel) in channels.enumerated() {
            guard channel.count == first.count else {
                throw .unequalChannels(
                    channel: index, samples: channel.count, expectedSamples: first.count)
            }
            // One pass without branches: a sum of zeros is zero, and 0 × infinity or NaN is NaN.
            let zeros = channel.withUnsafeBufferPointer { $0.reduce(0) { $0 + $1 * 0 } }
            guard zeros == 0 else {
                let sample = channel.firstIndex { !$0.isFinite } ?? 0
                throw .nonFiniteSample(
                    channel: index, sample: sample, value: "\(channel[sample])")
            }
        }
    }
}
