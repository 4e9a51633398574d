// Encoding, block by block, through libsndfile.

import CSndFile
import Checksum
import Foundation

/// A WAV file that is being written.
///
/// It stands under a temporary name in the same folder until ``finish()``; if that is never reached,
/// nothing is left behind. Equal samples make equal files, byte for byte. Not for several threads at
/// once.
package final class AudioWriter {
    private let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private let handle: OpaquePointer
    private let channelCount: Int
    private let sampleRateHz: Int
    private let sampleCount: Int
    private let format: SampleFormat
    private let clipping: Clipping
    private var writtenSamples = 0
    private var isOpen = true

    /// Bytes that were written and their SHA-256 in hexadecimal digits; nil before ``finish()``.
    package private(set) var result: WrittenBytes?

    private var block: EncodedBlock

    /// Samples of each channel that are encoded at once.
    private static let blockSamples = 16_384

    /// Opens the temporary file.
    ///
    /// - Parameters:
    ///   - destination: where the bytes go.
    ///   - sampleCount: samples of each channel that will follow, at most; nil if nobody knows.
    ///   - clipping: applied to every sample.
    /// - Throws: ``AudioError/unwritable(path:reason:)``.
    package init(
        to destination: OutputDestination, channelCount: Int, sampleRateHz: Int, sampleCount: Int?,
        format outputFormat: OutputFormat, clipping: Clipping, tags: AudioTags? = nil
    ) throws(AudioError) {
        guard case .file(let path) = destination, outputFormat.container == .wav else {
            throw .unwritable(path: destination.name, reason: "only WAV files so far")
        }
        let format = outputFormat.storedFormat
        let sampleCount = sampleCount ?? .max >> 8
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            throw .unwritable(path: path, reason: systemReason(EISDIR))
        }
        let folder = (path as NSString).deletingLastPathComponent
        // A short name of its own: the final one may already be as long as the system allows.
        let name = ".swift-demucs-\(String(UInt64.random(in: .min ... .max), radix: 16)).part"
        let temporaryPath = (folder as NSString).appendingPathComponent(name)
        let descriptor = open(temporaryPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw .unwritable(path: path, reason: systemReason(errno))
        }
        var info = SF_INFO()
        info.samplerate = Int32(clamping: sampleRateHz)
        info.channels = Int32(clamping: channelCount)
        let dataBytes = sampleCount.multipliedReportingOverflow(
            by: channelCount * format.sampleBytes
        ).partialValue
        info.format = Self.container(dataBytes: dataBytes) | Self.encoding(format)
        guard let handle = sf_open_fd(descriptor, Int32(SFM_WRITE), &info, 0) else {
            let reason = libraryReason(nil)
            close(descriptor)
            unlink(temporaryPath)
            throw .unwritable(path: path, reason: reason)
        }
        // A PEAK chunk carries the time of writing, and equal runs would differ.
        sf_command(handle, Int32(SFC_SET_ADD_PEAK_CHUNK), nil, 0)
        self.path = path
        self.temporaryPath = temporaryPath
        self.descriptor = descriptor
        self.handle = handle
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        self.sampleCount = sampleCount
        self.format = format
        self.clipping = clipping
        block = EncodedBlock(
            samples: Self.blockSamples, channelCount: channelCount, format: format)
    }

    deinit {
        discard()
    }

    /// Appends samples.
    ///
    /// - Parameter channels: one array for each channel, all equally long.
    /// - Throws: ``AudioError`` `writeFailed` or `outputNotFinite`; the file is gone then.
    package func append(_ channels: [[Float]]) throws(AudioError) {
        precondition(isOpen && channels.count == channelCount)
        let count = channels[0].count
        precondition(channels.allSatisfy { $0.count == count })
        precondition(writtenSamples + count <= sampleCount)
        for start in stride(from: 0, to: count, by: Self.blockSamples) {
            let samples = start..<min(start + Self.blockSamples, count)
            block.fill(channels, samples)
            if let index = block.firstNotFinite {
                discard()
                throw .outputNotFinite(
                    path: path,
                    seconds: Double(writtenSamples + index / channelCount) / Double(sampleRateHz),
                    channel: index % channelCount)
            }
            block.encode(clipping)
            guard block.write(to: handle) == samples.count else {
                let reason = libraryReason(handle)
                discard()
                throw .writeFailed(path: path, reason: reason)
            }
            writtenSamples += samples.count
        }
    }

    /// Completes the file and gives it its name.
    ///
    /// - Throws: ``AudioError/writeFailed(path:reason:)``; the file is gone then.
    package func finish() throws(AudioError) {
        precondition(isOpen)
        isOpen = false
        // Closing writes the header, whose failure libsndfile doesn't report; the size tells.
        sf_close(handle)
        var status = stat()
        let statusFailed = fstat(descriptor, &status) != 0
        lseek(descriptor, 0, SEEK_SET)
        let hash =
            try? SHA256.hexadecimal(of: FileHandle(fileDescriptor: descriptor))
        let closeFailed = close(descriptor) != 0
        if statusFailed || closeFailed {
            let code = errno
            unlink(temporaryPath)
            throw .writeFailed(path: path, reason: systemReason(code))
        }
        result = WrittenBytes(count: Int(status.st_size), sha256: hash ?? "")
        let expectedBytes = writtenSamples * channelCount * format.sampleBytes
        if Int(status.st_size) < expectedBytes {
            unlink(temporaryPath)
            throw .writeFailed(
                path: path, reason: "\(status.st_size) of \(expectedBytes) bytes arrived")
        }
        if rename(temporaryPath, path) != 0 {
            let code = errno
            unlink(temporaryPath)
            throw .writeFailed(path: path, reason: systemReason(code))
        }
    }

    /// Removes an unfinished file.
    package func discard() {
        guard isOpen else { return }
        isOpen = false
        sf_close(handle)
        close(descriptor)
        unlink(temporaryPath)
    }

    /// WAV as long as its 32-bit sizes can hold the data and a header, RF64 above.
    package static func container(dataBytes: Int) -> Int32 {
        let headerBytes = 4_096
        return dataBytes <= Int(UInt32.max) - headerBytes
            ? Int32(SF_FORMAT_WAV) : Int32(SF_FORMAT_RF64)
    }

    private static func encoding(_ format: SampleFormat) -> Int32 {
        switch format {
        case .int16: Int32(SF_FORMAT_PCM_16)
        case .int24: Int32(SF_FORMAT_PCM_24)
        case .float32: Int32(SF_FORMAT_FLOAT)
        }
    }
}

/// What a writer has written.
package struct WrittenBytes: Sendable, Equatable {
    package var count: Int
    /// 64 hexadecimal digits.
    package var sha256: String
}
