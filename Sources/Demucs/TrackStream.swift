// A recording on its way to a model: decoded or taken from memory, cut to the excerpt, converted to
// the model's channels and rate, block by block.

import Audio

/// Samples of a recording, in order.
protocol RecordingReader: AnyObject {
    var sampleRateHz: Int { get }
    var channelCount: Int { get }
    /// Appends the next samples to each of the channels.
    /// - Returns: how many samples of each channel; 0 at the end.
    func read(appendingTo channels: inout [[Float]]) throws -> Int
    /// What to tell about the recording, once all of it has been read.
    var warnings: [AudioWarning] { get }
    /// What is wrong with a recording of which nothing could be read.
    var emptyError: any Error { get }
}

extension AudioReader: RecordingReader {
    var emptyError: any Error { AudioError.nothingDecodable(path: path, reason: complaint) }
}

/// A recording that is in memory.
final class BufferReader: RecordingReader {
    private static let blockSamples = 16_384

    private let buffer: AudioBuffer
    private var position = 0

    init(_ buffer: AudioBuffer) {
        self.buffer = buffer
    }

    var sampleRateHz: Int { buffer.sampleRateHz }
    var channelCount: Int { buffer.channels.count }
    var warnings: [AudioWarning] { [] }
    var emptyError: any Error {
        SeparationError.emptyAudio(channels: channelCount, samples: buffer.sampleCount)
    }

    func read(appendingTo channels: inout [[Float]]) -> Int {
        let end = min(position + BufferReader.blockSamples, buffer.sampleCount)
        for (index, channel) in buffer.channels.enumerated() {
            channels[index].append(contentsOf: channel[position..<end])
        }
        defer { position = end }
        return end - position
    }
}

/// A part of a recording. What comes before it is decoded too: seeking is not exact in every format.
final class ExcerptReader: RecordingReader {
    private let whole: any RecordingReader
    /// Samples to give, as far as the recording goes.
    private let range: Range<Int>
    /// Samples of the recording that have been read.
    private var position = 0
    private var isAtEnd = false

    init(of whole: any RecordingReader, _ excerpt: Excerpt) throws(SeparationError) {
        self.whole = whole
        range = try excerpt.samples(rateHz: whole.sampleRateHz)
    }

    var sampleRateHz: Int { whole.sampleRateHz }
    var channelCount: Int { whole.channelCount }
    /// Whether a recording is cut short is only known at its end.
    var warnings: [AudioWarning] { isAtEnd ? whole.warnings : [] }
    var emptyError: any Error { whole.emptyError }

    func read(appendingTo channels: inout [[Float]]) throws -> Int {
        while position < range.upperBound {
            var block = [[Float]](repeating: [], count: channelCount)
            let count = try whole.read(appendingTo: &block)
            if count == 0 {
                isAtEnd = true
                guard position > range.lowerBound || position == 0 else {
                    throw SeparationError.excerptOutside(
                        startSeconds: Double(range.lowerBound) / Double(sampleRateHz),
                        trackSeconds: Double(position) / Double(sampleRateHz))
                }
                break
            }
            let wanted = range.clamped(to: position..<position + count)
            defer { position += count }
            guard !wanted.isEmpty else { continue }
            for (index, channel) in block.enumerated() {
                let samples = channel[wanted.lowerBound - position..<wanted.upperBound - position]
                channels[index].append(contentsOf: samples)
            }
            return wanted.count
        }
        return 0
    }
}

extension Excerpt {
    /// Longer than any recording, and small enough to count in.
    private static let longestSeconds = 1e9

    /// - Throws: `SeparationError.invalidOption`.
    package func validate() throws(SeparationError) {
        guard startSeconds >= 0, startSeconds <= Excerpt.longestSeconds else {
            throw .invalidOption(
                name: "start", value: "\(startSeconds)", allowed: "a number of seconds from 0")
        }
        guard let durationSeconds else { return }
        guard durationSeconds > 0, durationSeconds <= Excerpt.longestSeconds else {
            throw .invalidOption(
                name: "duration", value: "\(durationSeconds)",
                allowed: "a positive number of seconds")
        }
    }

    /// Its samples in a recording of this rate; both ends are rounded to the nearest sample.
    func samples(rateHz: Int) throws(SeparationError) -> Range<Int> {
        try validate()
        func sample(at seconds: Double) -> Int { Int((seconds * Double(rateHz)).rounded()) }
        let start = sample(at: startSeconds)
        guard let durationSeconds else { return start..<Int.max }
        // A duration of less than a sample gives one.
        return start..<max(start + 1, sample(at: startSeconds + durationSeconds))
    }
}

/// A recording in a model's channels and rate.
final class TrackStream {
    private let reader: any RecordingReader
    private let channelCount: Int
    private var conversion: AudioConversion
    private var isFinished = false
    /// Samples of the recording that have been read.
    private(set) var recordedSamples = 0

    /// - Throws: `AudioError.tooFewChannels`.
    init(
        _ reader: any RecordingReader, channelCount: Int, rateHz: Int, downmix: Downmix
    ) throws(AudioError) {
        self.reader = reader
        self.channelCount = channelCount
        conversion = try AudioConversion(
            fromChannels: reader.channelCount, rateHz: reader.sampleRateHz,
            toChannels: channelCount, rateHz: rateHz, downmix: downmix)
    }

    /// The next samples, `[channel][sample]`; `nil` at the end.
    func next() throws -> [[Float]]? {
        var output = [[Float]](repeating: [], count: channelCount)
        while !isFinished, output[0].isEmpty {
            var block = [[Float]](repeating: [], count: reader.channelCount)
            let count = try reader.read(appendingTo: &block)
            if count > 0 {
                recordedSamples += count
                conversion.convert(block, into: &output)
            } else {
                conversion.finish(into: &output)
                isFinished = true
            }
        }
        return output[0].isEmpty ? nil : output
    }
}
