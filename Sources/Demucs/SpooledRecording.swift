// Recordings that arrive in pieces: they wait in a temporary file until their end is known.

import Audio

/// The pieces that have come so far.
struct SpooledRecording: Sendable {
    let channelCount: Int
    let sampleRateHz: Int
    let spool: SampleSpool

    /// - Throws: `AudioError.unwritable`.
    init(like buffer: AudioBuffer, in folder: String) throws(AudioError) {
        channelCount = buffer.channels.count
        sampleRateHz = buffer.sampleRateHz
        spool = try SampleSpool(in: folder, channelCount: channelCount)
    }

    /// - Throws: `SeparationError` for a buffer that can't be or differs from the first in rate or
    ///   channels, and if it can't be written.
    func append(_ buffer: AudioBuffer) throws(SeparationError) {
        try buffer.checkSamples()
        guard buffer.channels.count == channelCount, buffer.sampleRateHz == sampleRateHz else {
            throw .buffersDiffer(
                channels: buffer.channels.count, rateHz: buffer.sampleRateHz,
                expectedChannels: channelCount, expectedRateHz: sampleRateHz)
        }
        try spool.append(buffer.channels)
    }
}

/// Reads a finished recording.
final class SpoolReader: RecordingReader {
    private let recording: SpooledRecording
    private let reader: SampleSpool.Reader

    init(_ recording: SpooledRecording) {
        self.recording = recording
        reader = recording.spool.reader()
    }

    var sampleRateHz: Int { recording.sampleRateHz }
    var channelCount: Int { recording.channelCount }
    var warnings: [AudioWarning] { [] }
    var emptyError: any Error { SeparationError.emptyAudio(channels: channelCount, samples: 0) }

    func read(appendingTo channels: inout [[Float]]) throws -> Int {
        guard let block = try reader.next() else { return 0 }
        for index in channels.indices { channels[index].append(contentsOf: block[index]) }
        return block[0].count
    }
}
