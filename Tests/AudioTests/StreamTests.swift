import Audio
import Files
import Foundation
import TestSupport
import Testing

/// Writing to descriptors, and what becomes of full disks and readers that go away.
struct StreamTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private static let signal = PlanarAudio(
        channels: [TestSignal.tone(samples: 50_001), TestSignal.tone(samples: 50_001).reversed()],
        sampleRateHz: 44_100)

    private func writer(
        _ destination: OutputDestination, _ format: OutputFormat, samples: Int? = nil
    ) throws -> AudioWriter {
        try AudioWriter(
            to: destination, channelCount: 2, sampleRateHz: 44_100, sampleCount: samples,
            format: format, clipping: .none)
    }

    /// A reader of the stream finds what a file would hold.
    @Test(arguments: ContainerTests.formats, [nil, 50_001])
    func streamHoldsWhatAFileHolds(format: OutputFormat, samples: Int?) throws {
        var written: WrittenBytes?
        let bytes = try Conduit.bytes { descriptor in
            let writer = try writer(.descriptor(descriptor), format, samples: samples)
            try writer.append(Self.signal)
            written = try writer.finish()
        }
        var hash = SHA256()
        hash.update(Array(bytes))
        #expect(written == WrittenBytes(count: bytes.count, sha256: hash.hexadecimal))
        let path = folder.path("file")
        try AudioFile.write(Self.signal, to: path, format: format, clip: .none)
        if format.container == .rawFloat32 {
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
            return
        }
        let file = try AudioFile.read(path)
        let stream = try AudioFile.read(folder.write("stream", bytes))
        if case .mp3 = format.container {
            // A stream has no information frame, for that can only be written at the end: the coder's
            // delay stays, 1,105 samples with the decoder's own of 529 dropped.
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
            ) {
                let writer = try writer(
                    .descriptor(descriptor), .wav(.int16), samples: 60_000)
                try writer.append(Self.signal)
                try writer.finish()
            }
        }
    }

    @Test(arguments: ContainerTests.formats)
    func readerThatGoesAwayIsAnErrorOfItsOwn(format: OutputFormat) {
        let conduit = Conduit()
        close(conduit.readEnd)
        defer { close(conduit.writeEnd) }
        #expect(throws: AudioError.readerGone(path: "descriptor \(conduit.writeEnd)")) {
            let writer = try writer(.descriptor(conduit.writeEnd), format)
            try writer.append(Self.signal)
            try writer.finish()
        }
    }

    @Test(.enabled(if: access("/dev/full", W_OK) == 0), arguments: ContainerTests.formats)
    func fullDeviceIsSaid(format: OutputFormat) {
        let device = open("/dev/full", O_WRONLY)
        defer { close(device) }
        #expect(
            throws: AudioError.writeFailed(
                path: "descriptor \(device)", reason: "No space left on device")
        ) {
            let writer = try writer(.descriptor(device), format)
            try writer.append(Self.signal)
            try writer.finish()
        }
    }

    /// libFLAC writes what it holds back when it is closed; the number of our descriptor may be
    /// somebody else's by then.
    @Test(arguments: ContainerTests.formats)
    func discardedWriterWritesNothingMore(format: OutputFormat) throws {
        var discarded: AudioWriter? = try writer(.file(folder.path("stem")), format)
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
    func folderThatIsRemovedMeanwhileIsSaid() throws {
        let path = folder.path("gone/stem.wav")
        let gone = folder.url.appendingPathComponent("gone")
        try FileManager.default.createDirectory(at: gone, withIntermediateDirectories: false)
        let writer = try writer(.file(path), .wav(.int16))
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
        let conduit = Conduit()
        close(conduit.readEnd)
        #expect(
            throws: AudioError.unwritable(path: "descriptor 9999", reason: "Bad file descriptor")
        ) {
            _ = try writer(.descriptor(9_999), .wav(.int16))
        }
        close(conduit.writeEnd)
    }
}
