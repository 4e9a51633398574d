import Audio
import Foundation
import System
import TestSupport
import Testing

/// Writing to descriptors, full disks, and readers that close the pipe.
struct StreamTests {
    private let folder = TemporaryFolder()

    private static let signal = PlanarAudio(
        TestSignal.tone(samples: 50_001), TestSignal.tone(samples: 50_001).reversed())

    /// Writes the signal to a descriptor.
    @discardableResult
    private func write(
        to descriptor: Int32, _ format: OutputFormat, samples: Int? = nil
    ) throws -> (count: Int, sha256: String) {
        let writer = try AudioWriter(
            .descriptor(descriptor), format, channels: 2, samples: samples)
        try writer.append(Self.signal)
        return try writer.finish()
    }

    /// A stream has the same content as a file.
    @Test(arguments: ContainerTests.formats, [nil, 50_001])
    func streamHoldsWhatAFileHolds(format: OutputFormat, samples: Int?) throws {
        var written = (count: 0, sha256: "")
        let bytes = try Conduit.bytes {
            written = try write(to: $0, format, samples: samples)
        }
        #expect(written == (bytes.count, SHA256(of: Array(bytes)).hexadecimal))
        let path = folder.path("file")
        try AudioFile.write(Self.signal, to: path, format: format, clip: .none)
        if format.container == .rawFloat32 {
            #expect(try folder.data("file") == bytes)
            return
        }
        let file = try AudioFile.read(path)
        let stream = try AudioFile.read(folder.write(bytes, "stream"))
        if case .mp3 = format.container {
            // A stream has no information frame, which is only known at the end: the coder's delay
            // stays, 1,105 samples after the decoder has dropped its own 529.
            let delayed = stream.buffer.channels[0].dropFirst(1_105).prefix(50_001)
            let comparison = Comparison(
                actual: Array(delayed), expected: file.buffer.channels[0])
            #expect(comparison.snrDecibels > 60, "\(comparison)")
        } else {
            #expect(stream == file)
        }
    }

    @Test
    func wavStreamMustHoldTheSamplesItAnnounced() {
        _ = Conduit.bytes { descriptor in
            #expect(
                throws: AudioError.writeFailed(
                    path: "descriptor \(descriptor)",
                    reason: "50001 of the announced 60000 samples came")
            ) { try write(to: descriptor, .wav(.int16), samples: 60_000) }
        }
    }

    @Test(arguments: ContainerTests.formats)
    func readerThatGoesAwayIsAnErrorOfItsOwn(format: OutputFormat) {
        let conduit = Conduit()
        close(conduit.readEnd)
        defer { close(conduit.writeEnd) }
        #expect(throws: AudioError.readerGone(path: "descriptor \(conduit.writeEnd)")) {
            try write(to: conduit.writeEnd, format)
        }
    }

    @Test(.enabled(if: access("/dev/full", W_OK) == 0), arguments: ContainerTests.formats)
    func aFullDeviceIsAnError(format: OutputFormat) {
        let device = open("/dev/full", O_WRONLY)
        defer { close(device) }
        #expect(
            throws: AudioError.writeFailed(
                path: "descriptor \(device)", reason: "No space left on device")
        ) { try write(to: device, format) }
    }

    /// libFLAC writes remaining data when it is closed; by then, another file may have the number
    /// of our descriptor.
    @Test(arguments: ContainerTests.formats)
    func discardedWriterWritesNothingMore(format: OutputFormat) throws {
        var discarded: AudioWriter? = try AudioWriter(
            .file(folder.path("stem")), format, channels: 2)
        try discarded?.append(Self.signal)
        discarded?.discard()
        let others = try (0..<20).map { _ in
            try TemporaryFiles.createUnnamed(in: folder.url.path, for: "another file")
        }
        discarded = nil
        for other in others {
            #expect(lseek(other, 0, SEEK_END) == 0)
            close(other)
        }
        #expect(try folder.contents == [])
    }

    @Test
    func aFolderThatIsRemovedMeanwhileIsAnError() throws {
        let path = folder.path("gone/stem.wav")
        let gone = folder.url("gone")
        try FileManager.default.createDirectory(at: gone, withIntermediateDirectories: false)
        let writer = try AudioWriter(.file(path), channels: 2)
        try FileManager.default.removeItem(at: gone)
        try writer.append(Self.signal)
        #expect(
            throws: AudioError.writeFailed(path: path, reason: "No such file or directory")
        ) {
            try writer.finish()
        }
    }

    @Test
    func closedDescriptorIsRefused() {
        #expect(
            throws: AudioError.unwritable(path: "descriptor 9999", reason: "Bad file descriptor")
        ) { try write(to: 9_999, .wav(.int16)) }
    }
}
