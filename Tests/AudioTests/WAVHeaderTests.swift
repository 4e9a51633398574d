import Audio
import Foundation
import TestSupport
import Testing

/// Headers for long files and streams, for which the reference has no example.
struct WAVHeaderTests {
    private let folder = TemporaryFolder()

    private let header = WAVHeader(
        channelCount: 2, sampleRateHz: 44_100, format: .int16, hasLongSizes: true)

    @Test
    func longSizesAreUsedFromFourGibibytesOn() {
        var tags = AudioTags()
        tags.title = "A"
        for (format, channels) in [(.int16, 2), (.int24, 1), (.int24, 2), (.float32, 1)]
            as [(SampleFormat, Int)]
        {
            for (tags, hasRoom) in [(nil, false), (nil, true), (tags, true)] {
                let header = WAVHeader(
                    channelCount: channels, sampleRateHz: 44_100, format: format, tags: tags,
                    hasLongSizes: hasRoom)
                let frameBytes = channels * format.sampleBytes
                // The largest number stands for an unknown size.
                let others = header.bytes(sampleCount: 0).count - 8 + header.end.count
                let most = (Int(UInt32.max) - 1 - others) / frameBytes
                for count in most - 2...most + 2 {
                    let bytes = count * frameBytes
                    let isLong = others + bytes + bytes % 2 >= UInt32.max
                    #expect(header.needsLongSizes(sampleCount: count) == isLong)
                    let name = Data(header.bytes(sampleCount: count)[..<4])
                    #expect(name == Data((isLong && hasRoom ? "RF64" : "RIFF").utf8))
                }
            }
        }
        #expect(header.needsLongSizes(sampleCount: .max))
        #expect(header.bytes(sampleCount: 1_000).starts(with: "RIFF".utf8))
        #expect(header.bytes(sampleCount: 1 << 30).starts(with: "RF64".utf8))
        // The final header replaces the first one, so both have the same size.
        #expect(header.bytes(sampleCount: 0).count == header.bytes(sampleCount: 1 << 40).count)
    }

    /// The field for the bytes per second has 32 bits.
    @Test func aModelsMostChannelsAtTheHighestRateFit() {
        let header = WAVHeader(channelCount: 256, sampleRateHz: 768_000, format: .float32)
        let bytes = Data(header.bytes(sampleCount: 1))
        #expect(bytes.littleEndian(at: 24) == 768_000)
        #expect(bytes.littleEndian(at: 28) == 768_000 * 256 * 4)
    }

    /// A sparse file, which takes no space on the disk.
    @Test(arguments: SampleFormat.allCases)
    func longFileIsReadInFullLength(format: SampleFormat) throws {
        var header = header
        header.format = format
        let sampleCount = 1 << 30
        let bytes = header.bytes(sampleCount: sampleCount)
        let path = try folder.write(Data(bytes), "long.wav")
        let end = bytes.count + sampleCount * 2 * format.sampleBytes
        truncate(path, off_t(end))
        let whole = try AudioInput(path: path).reader()
        #expect(try whole.skip(sampleCount - 1) == sampleCount - 1)
        #expect(try whole.next()?.sampleCount == 1)
        #expect(try whole.next() == nil)
        #expect(whole.warnings == [])
        truncate(path, off_t(end - 1_000_000))
        let short = try AudioInput(path: path).reader()
        #expect(try short.skip(sampleCount) < sampleCount)
        #expect(try short.next() == nil)
        #expect(short.warnings.count == 1)
    }

    @Test(arguments: [nil, 100, 1 << 40])
    func fileHoldsFewerSamplesThanWereAnnounced(announced: Int?) throws {
        let path = folder.path("stem.wav")
        let writer = try AudioWriter(.file(path), .wav(.int24), samples: announced)
        try writer.append(PlanarAudio([0.5, 0.25, -0.5]))
        let written = try writer.finish()
        let decoded = try AudioFile.read(path)
        #expect(decoded.warnings == [])
        #expect(decoded.buffer.sampleCount == 3)
        let data = try folder.data("stem.wav")
        // Nine bytes of samples and one that makes the chunk even.
        #expect(data.count % 2 == 0)
        #expect(data.littleEndian(at: 4) == data.count - 8)
        #expect(written.count == data.count)
    }
}
