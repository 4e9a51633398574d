// Spools samples to the disk until the peak of a signal, or the end of a track, is known.

import Signal
import System

/// A signal in a temporary file without a name, which is freed with this object, or when the
/// process ends.
///
/// The file holds blocks of `blockSamples` samples of each channel, one channel after the other; the
/// last block may be shorter. One thread at a time appends; once finished, any number may read.
package final class SampleSpool: @unchecked Sendable {
    private static let blockSamples = 16_384

    private let folder: String
    private let descriptor: Int32
    /// The block that is not full yet.
    private var block: PlanarAudio
    private var sampleCount = 0

    /// - Parameter folder: folder of the file.
    /// - Throws: `SeparationError` `spoolFailed` or `tooManyFiles`.
    package init(
        in folder: String, channelCount: Int, sampleRateHz: Int
    ) throws(SeparationError) {
        self.folder = folder
        block = PlanarAudio(
            channelCount: channelCount, sampleRateHz: sampleRateHz, capacity: Self.blockSamples)
        do {
            descriptor = try TemporaryFiles.createUnnamed(in: folder)
        } catch {
            throw error.isTooManyFiles
                ? .tooManyFiles(folder: folder)
                : .spoolFailed(folder: folder, reason: error.description)
        }
    }

    deinit {
        close(descriptor)
    }

    /// - Throws: `SeparationError.buffersDiffer` for other channels or another rate,
    ///   `SeparationError.spoolFailed`.
    package func append(_ audio: PlanarAudio) throws(SeparationError) {
        try audio.checkFormat(
            channelCount: block.channelCount, sampleRateHz: block.sampleRateHz)
        var position = 0
        while position < audio.sampleCount {
            let room = Self.blockSamples - block.sampleCount
            let part = position..<min(position + room, audio.sampleCount)
            position = part.upperBound
            if part.count == Self.blockSamples {
                try write(audio, part)
            } else {
                block.append(audio, part)
                if block.sampleCount == Self.blockSamples { try writeBlock() }
            }
        }
        sampleCount += audio.sampleCount
    }

    private func writeBlock() throws(SeparationError) {
        try write(block, 0..<block.sampleCount)
        for index in block.channels.indices {
            block.channels[index].removeAll(keepingCapacity: true)
        }
    }

    private func write(_ audio: PlanarAudio, _ samples: Range<Int>) throws(SeparationError) {
        for channel in audio.channels {
            do {
                try channel[samples].withUnsafeBytes { try writeAll($0, to: descriptor) }
            } catch {
                throw .spoolFailed(folder: folder, reason: "\(error)")
            }
        }
    }

    /// Writes the last samples to the file; required before ``reader()``.
    ///
    /// - Throws: `SeparationError.spoolFailed`.
    package func finish() throws(SeparationError) {
        if block.sampleCount > 0 { try writeBlock() }
    }

    /// Reads the samples from the beginning, block by block; throws `SeparationError.spoolFailed`.
    /// The spool must be finished.
    ///
    /// - Parameter channels: the channels to read; `nil` for all.
    package func reader(ofChannels channels: Range<Int>? = nil) -> RangeReader {
        RangeReader(
            channelCount: channels?.count ?? block.channelCount,
            sampleRateHz: block.sampleRateHz, sampleCount: sampleCount,
            blockSamples: Self.blockSamples
        ) { range in
            var audio = try self.readBlock(range)
            if let channels { audio.channels = Array(audio.channels[channels]) }
            return audio
        }
    }

    private func readBlock(_ range: Range<Int>) throws -> PlanarAudio {
        var audio = PlanarAudio(
            channelCount: block.channelCount, sampleRateHz: block.sampleRateHz, zeros: range.count)
        var offset = range.lowerBound * block.channelCount * MemoryLayout<Float>.stride
        for index in audio.channels.indices {
            do {
                offset += try audio.channels[index].withUnsafeMutableBytes { bytes in
                    let count = try readAll(into: bytes, from: descriptor, at: offset)
                    if count < bytes.count { throw SystemError(code: EIO) }
                    return count
                }
            } catch {
                throw SeparationError.spoolFailed(folder: folder, reason: "\(error)")
            }
        }
        return audio
    }
}
