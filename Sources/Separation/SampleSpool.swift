// Samples that wait on the disk until the peak of their signal is known.

import Foundation

/// A signal in a temporary file without a name, which goes when the value or the process does.
///
/// The file holds blocks of `blockSamples` samples of each channel, one channel after the other; the
/// last block may be shorter.
final class SampleSpool {
    private static let blockSamples = 16_384

    private let folder: String
    private let descriptor: Int32
    /// `[channel][sample]` of the block that is being filled.
    private var block: [[Float]]
    private var sampleCount = 0

    /// - Parameter folder: where the file is made.
    /// - Throws: `SeparationError.spoolFailed`.
    init(in folder: String, channelCount: Int) throws(SeparationError) {
        self.folder = folder
        block = [[Float]](repeating: [], count: channelCount)
        // Named for the moment between the two calls; a run that is killed there leaves it.
        let name = ".swift-demucs-\(String(UInt64.random(in: .min ... .max), radix: 16)).part"
        let path = (folder as NSString).appendingPathComponent(name)
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .spoolFailed(folder: folder, errno) }
        unlink(path)
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

    /// Gives everything back, block by block.
    ///
    /// - Throws: `SeparationError.spoolFailed`; what `body` throws.
    func forEachBlock(_ body: ([[Float]]) throws -> Void) throws {
        if !block[0].isEmpty { try writeBlock() }
        var offset = 0
        for start in stride(from: 0, to: sampleCount, by: SampleSpool.blockSamples) {
            let count = min(SampleSpool.blockSamples, sampleCount - start)
            var channels: [[Float]] = []
            for _ in block.indices {
                channels.append(try read(count, at: &offset))
            }
            try body(channels)
        }
    }

    private func read(_ count: Int, at offset: inout Int) throws(SeparationError) -> [Float] {
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
        offset += bytes
        return samples
    }
}

extension SeparationError {
    fileprivate static func spoolFailed(folder: String, _ code: Int32) -> SeparationError {
        .spoolFailed(folder: folder, reason: String(cString: strerror(code)))
    }
}
