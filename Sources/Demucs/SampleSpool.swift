// Samples that wait on the disk: until the peak of a signal is known, or the end of a track.

import Audio
import Foundation

/// A signal in a temporary file without a name, which goes when the value or the process does.
///
/// The file holds blocks of `blockSamples` samples of each channel, one channel after the other; the
/// last block may be shorter. One thread at a time appends; once finished, any number may read.
final class SampleSpool: @unchecked Sendable {
    private static let blockSamples = 16_384

    private let folder: String
    private let descriptor: Int32
    /// `[channel][sample]` of the block that is being filled.
    private var block: [[Float]]
    private var sampleCount = 0

    /// - Parameter folder: where the file is made.
    /// - Throws: `AudioError.unwritable`.
    init(in folder: String, channelCount: Int) throws(AudioError) {
        self.folder = folder
        block = [[Float]](repeating: [], count: channelCount)
        descriptor = try TemporaryFiles.createUnnamed(in: folder, for: "a temporary file")
    }

    deinit {
        close(descriptor)
    }

    /// - Parameter channels: `[channel][sample]`, equally long.
    /// - Throws: `SeparationError.spoolFailed`.
    func append(_ channels: [[Float]]) throws(SeparationError) {
        let count = channels[0].count
        var position = 0
        while position < count {
            let taken = min(SampleSpool.blockSamples - block[0].count, count - position)
            for channel in block.indices {
                block[channel].append(contentsOf: channels[channel][position..<position + taken])
            }
            position += taken
            if block[0].count == SampleSpool.blockSamples { try writeBlock() }
        }
        sampleCount += count
    }

    private func writeBlock() throws(SeparationError) {
        for channel in block.indices {
            let failure = block[channel].withUnsafeBytes { bytes -> Int32? in
                var done = 0
                while done < bytes.count {
                    let written = write(
                        descriptor, bytes.baseAddress! + done, bytes.count - done)
                    if written < 0 && errno == EINTR { continue }
                    if written <= 0 { return errno }
                    done += written
                }
                return nil
            }
            if let failure { throw .spoolFailed(folder: folder, failure) }
            block[channel].removeAll(keepingCapacity: true)
        }
    }

    /// Puts the last samples into the file, after which readers find everything.
    ///
    /// - Throws: `SeparationError.spoolFailed`.
    func finish() throws(SeparationError) {
        if !block[0].isEmpty { try writeBlock() }
    }

    /// A place in the file, at its beginning. The spool must be finished.
    func reader() -> Reader { Reader(self) }

    /// Gives the samples back, block by block. Any number may read at once.
    final class Reader {
        private let spool: SampleSpool
        private var position = 0
        private var offset = 0

        fileprivate init(_ spool: SampleSpool) {
            self.spool = spool
        }

        /// The next samples, `[channel][sample]`; `nil` at the end.
        ///
        /// - Throws: `SeparationError.spoolFailed`.
        func next() throws(SeparationError) -> [[Float]]? {
            let count = min(SampleSpool.blockSamples, spool.sampleCount - position)
            if count == 0 { return nil }
            position += count
            var channels: [[Float]] = []
            for _ in spool.block.indices {
                channels.append(try spool.read(count, at: offset))
                offset += count * MemoryLayout<Float>.stride
            }
            return channels
        }
    }

    private func read(_ count: Int, at offset: Int) throws(SeparationError) -> [Float] {
        let bytes = count * MemoryLayout<Float>.stride
        var done = 0
        var code: Int32 = 0
        let samples = [Float](unsafeUninitializedCapacity: count) { samples, initialised in
            let target = UnsafeMutableRawBufferPointer(samples)
            while done < bytes {
                let got = pread(
                    descriptor, target.baseAddress! + done, bytes - done, off_t(offset + done))
                if got < 0 && errno == EINTR { continue }
                if got <= 0 {
                    code = got < 0 ? errno : EIO
                    break
                }
                done += got
            }
            initialised = done / MemoryLayout<Float>.stride
        }
        guard done == bytes else { throw .spoolFailed(folder: folder, code) }
        return samples
    }
}

extension SeparationError {
    fileprivate static func spoolFailed(folder: String, _ code: Int32) -> SeparationError {
        .spoolFailed(folder: folder, reason: String(cString: strerror(code)))
    }
}
