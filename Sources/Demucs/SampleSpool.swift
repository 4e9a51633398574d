// Samples that wait on the disk: until the peak of a signal is known, or the end of a track.

import Audio
import Files
import Foundation

/// A signal in a temporary file without a name, which goes when the value or the process does.
///
/// The file holds blocks of `blockSamples` samples of each channel, one channel after the other; the
/// last block may be shorter. One thread at a time appends; once finished, any number may read.
final class SampleSpool: @unchecked Sendable {
    private static let blockSamples = 16_384

    private let folder: String
    private let descriptor: Int32
    /// The block that is being filled.
    private var block: PlanarAudio
    private var sampleCount = 0

    /// - Parameter folder: where the file is made.
    /// - Throws: `AudioError.unwritable`.
    init(in folder: String, channelCount: Int, sampleRateHz: Int) throws(AudioError) {
        self.folder = folder
        block = PlanarAudio(
            channelCount: channelCount, sampleRateHz: sampleRateHz, capacity: Self.blockSamples)
        descriptor = try TemporaryFiles.createUnnamed(in: folder, for: "a temporary file")
    }

    deinit {
        close(descriptor)
    }

    /// - Throws: `SeparationError.buffersDiffer` for other channels or another rate,
    ///   `SeparationError.spoolFailed`.
    func append(_ audio: PlanarAudio) throws(SeparationError) {
        guard audio.channelCount == block.channelCount, audio.sampleRateHz == block.sampleRateHz
        else {
            throw .buffersDiffer(
                channels: audio.channelCount, rateHz: audio.sampleRateHz,
                expectedChannels: block.channelCount, expectedRateHz: block.sampleRateHz)
        }
        var position = 0
        while position < audio.sampleCount {
            let room = Self.blockSamples - block.sampleCount
            let end = min(position + room, audio.sampleCount)
            block.append(audio, position..<end)
            position = end
            if block.sampleCount == Self.blockSamples { try writeBlock() }
        }
        sampleCount += audio.sampleCount
    }

    private func writeBlock() throws(SeparationError) {
        for index in block.channels.indices {
            do {
                try block.channels[index].withUnsafeBytes { try writeAll($0, to: descriptor) }
            } catch {
                throw .spoolFailed(folder: folder, reason: "\(error)")
            }
            block.channels[index].removeAll(keepingCapacity: true)
        }
    }

    /// Puts the last samples into the file. Readers need that.
    ///
    /// - Throws: `SeparationError.spoolFailed`.
    func finish() throws(SeparationError) {
        if block.sampleCount > 0 { try writeBlock() }
    }

    /// Reads the samples from the beginning, block by block. The spool must be finished.
    func reader() -> Reader { Reader(self) }

    final class Reader: RecordingReader {
        private let spool: SampleSpool
        private var position = 0
        private var offset = 0

        fileprivate init(_ spool: SampleSpool) {
            self.spool = spool
        }

        var sampleRateHz: Int { spool.block.sampleRateHz }
        var channelCount: Int { spool.block.channelCount }
        var warnings: [AudioWarning] { [] }

        /// - Throws: `SeparationError.spoolFailed`.
        func next() throws(SeparationError) -> PlanarAudio? {
            let count = min(SampleSpool.blockSamples, spool.sampleCount - position)
            if count == 0 { return nil }
            position += count
            var audio = PlanarAudio(
                channelCount: channelCount, sampleRateHz: sampleRateHz, zeros: count)
            for index in audio.channels.indices {
                try spool.read(into: &audio.channels[index], at: offset)
                offset += count * MemoryLayout<Float>.stride
            }
            return audio
        }
    }

    private func read(into samples: inout [Float], at offset: Int) throws(SeparationError) {
        do {
            try samples.withUnsafeMutableBytes { bytes in
                let count = try readAll(into: bytes, from: descriptor, at: offset)
                if count < bytes.count { throw SystemError(code: EIO) }
            }
        } catch {
            throw .spoolFailed(folder: folder, reason: "\(error)")
        }
    }
}
