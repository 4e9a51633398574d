import Audio
import Foundation
import Signal
import System
import TestSupport
import Testing

/// WAV files and raw samples through a pipe.
struct WAVStreamTests {
    /// Reads bytes that a pipe brings in pieces.
    private func read<Value>(
        _ bytes: Data, piece: Int = 7, _ body: (Int32) throws -> Value
    ) throws -> Value {
        let pipe = Pipe()
        let writer = Thread {
            for start in stride(from: 0, to: bytes.count, by: piece) {
                try? pipe.fileHandleForWriting.write(
                    contentsOf: bytes[start..<min(start + piece, bytes.count)])
            }
            try? pipe.fileHandleForWriting.close()
        }
        writer.start()
        return try body(pipe.fileHandleForReading.fileDescriptor)
    }

    private func samples(_ bytes: Data) throws -> (audio: PlanarAudio, rateHz: Int) {
        try read(bytes) { descriptor in
            var stream = try WAVStream(from: descriptor, name: "pipe")
            var audio = PlanarAudio(
                channelCount: stream.channelCount, sampleRateHz: stream.sampleRateHz)
            while let block = try stream.next(atMost: 3) {
                #expect((1...3).contains(block.sampleCount))
                audio.append(block)
            }
            return (audio, stream.sampleRateHz)
        }
    }

    private static let floats: [Float] = [0, 0.5, -0.25, 1, -1, 0.125, 3, 0]
    private static let shorts: [Int16] = [0, 16_384, -8_192, 32_767, -32_768, 1]

    /// A header with other fields, before the same samples.
    private func changed(_ bytes: Data, _ changes: [Int: [UInt8]]) -> Data {
        var bytes = bytes
        for (offset, new) in changes {
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
        }
        return bytes
    }

    @Test func floatsAndIntegersAreRead() throws {
        let floats = try samples(
            WAVFile.bytes(float32: Self.floats, channels: 2, rateHz: 48_000))
        #expect(floats.audio.interleaved == Self.floats && floats.rateHz == 48_000)
        let shorts = try samples(WAVFile.bytes(int16: Self.shorts, channels: 1, rateHz: 8_000))
        #expect(shorts.audio.channels == [Self.shorts.map { Float($0) / 32_768 }])
    }

    /// 24 and 32 bits, as other fields of the header of 16 bits.
    @Test func widerIntegersAreRead() throws {
        let bytes: [UInt8] = [0, 0, 0, 0x40, 0, 0, 0, 0xC0, 0xFF, 0xFF, 0xFF, 0x7F]
        let shorts = bytes.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
        let file = WAVFile.bytes(int16: shorts, channels: 1, rateHz: 8_000)
        let long = try samples(changed(file, [32: [4, 0, 32, 0]]))
        #expect(long.audio.channels == [[0.5, -0.5, Float(Int32.max) / 0x1p31]])
        let three = try samples(changed(file, [32: [3, 0, 24, 0]]))
        #expect(three.audio.channels[0].prefix(2) == [0, 0x40 / 0x1p23])
        #expect(three.audio.sampleCount == 4)
    }

    /// Programs that write into a pipe don't know the size; others add chunks after the samples.
    @Test(arguments: [[0, 0, 0, 0], [255, 255, 255, 255]] as [[UInt8]])
    func unknownSizesEndWithThePipe(size: [UInt8]) throws {
        let file = WAVFile.bytes(float32: Self.floats, channels: 1, rateHz: 100)
        #expect(try samples(changed(file, [40: size])).audio.channels == [Self.floats])
    }

    @Test func chunksAfterTheSamplesAreNoSamples() throws {
        let file = WAVFile.bytes(float32: Self.floats, channels: 1, rateHz: 100)
        let found = try samples(file + Data("LIST".utf8) + Data(repeating: 1, count: 40))
        #expect(found.audio.channels == [Self.floats])
    }

    @Test func otherStreamsAreRefused() throws {
        let file = WAVFile.bytes(float32: Self.floats, channels: 1, rateHz: 100)
        let cases = [
            (Data(), "it is empty"), (Data("fLaC and more bytes".utf8), "begin with a WAV header"),
            (changed(file, [20: [2]]), "PCM or 32-bit floats"),
            (changed(file, [34: [8]]), "PCM or 32-bit floats"),
            (changed(file, [22: [0, 0]]), "0 channels"),
            (changed(file, [24: [0, 0, 0, 0]]), "at 0 Hz"), (file.prefix(36), "no chunk 'data'"),
            (file.prefix(20), "no chunk 'data'"),
        ]
        for (bytes, text) in cases {
            let error = try #require(throws: WAVStreamError.self) { try samples(bytes) }
            #expect(error.description.contains(text), "\(error)")
        }
    }

    @Test func rawSamplesNeedNoHeader() throws {
        let bytes = Self.floats.withUnsafeBytes { Data($0) }
        let found = try read(bytes + Data([1, 2, 3])) { descriptor in
            var stream = WAVStream(
                rawFrom: descriptor, name: "pipe", channelCount: 2, sampleRateHz: 100)
            var audio = PlanarAudio(channelCount: 2, sampleRateHz: 100)
            while let block = try stream.next(atMost: 100) { audio.append(block) }
            return audio
        }
        #expect(found.interleaved == Self.floats)
    }
}
