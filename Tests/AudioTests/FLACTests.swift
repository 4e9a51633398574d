import Audio
import Foundation
import TestSupport
import Testing

/// Where the frames of FLAC end, and where their sound does.
struct FLACTests {
    private let folder = TemporaryFolder()

    private func read(_ data: Data) throws -> (audio: PlanarAudio, warnings: [String]) {
        let decoded = try AudioFile.read(AudioInput(path: folder.write(data, "song"), ffmpeg: nil))
        return (decoded.buffer, decoded.warnings.map(\.description))
    }

    @Test func seekingInFLACIsExact() throws {
        let whole = try AudioFile.read(Recording.flac.path).buffer
        let reader = try AudioInput(path: Recording.flac.path).reader()
        #expect(try reader.skip(12_345) == 12_345)
        #expect(try reader.next()?.channels[1][0] == whole.channels[1][12_345])
    }

    /// The checksum of a frame is of 16 bits: in one file of 150 it is right somewhere within the last
    /// frame, before bytes that may begin another kind of file.
    @Test(
        arguments: ["data", "OggS", "\0\0\0\0"],
        ["", "TAG+\0\0\0\0", "\0\0\0\0\0\0", "\n", "\u{1A}", "\u{1}é"])
    func samplesLikeTheEndOfAFrameAreSamples(_ name: String, _ tail: String) throws {
        func checksum(_ bytes: Data, _ bits: Int, _ polynomial: Int) -> Data {
            let value = bytes.reduce(0) { value, byte in
                (0..<8).reduce(value ^ Int(byte) << (bits - 8)) { value, _ in
                    (value << 1 ^ (value >> (bits - 1) == 1 ? polynomial : 0)) & (1 << bits - 1)
                }
            }
            return Data((0..<bits / 8).reversed().map { UInt8(value >> (8 * $0) & 255) })
        }
        // Mono of 16 bits at 44,100 Hz: 1,000 samples in one frame, as they are (RFC 9639, 8.2 and 9).
        let stream =
            Data("fLaC".utf8) + [0x80, 0, 0, 34, 3, 0xE8, 3, 0xE8] + Data(count: 6)
            + [0x0A, 0xC4, 0x40, 0xF0, 0, 0, 3, 0xE8] + Data(count: 16)
        let header = Data([0xFF, 0xF8, 0x70, 0x08, 0, 3, 0xE7])
        var frame = header + checksum(header, 8, 0x07) + [0x02] + Data(repeating: 9, count: 900)
        frame += checksum(frame, 16, 0x8005) + Data(name.utf8)
        frame += Data(repeating: 9, count: 2_000 + header.count + 2 - frame.count)
        let file = stream + frame + checksum(frame, 16, 0x8005) + Data(tail.utf8)
        let (audio, warnings) = try read(file)
        #expect(audio.sampleCount == 1_000 && warnings == [], "\(warnings)")
        #expect(audio.channels[0].last == Float(0x0909) / 32_768)
    }

    /// Blocks behind the first, whose sizes lead into the frames or beyond the file: libsndfile reads
    /// none of these files, and ffmpeg a part.
    @Test(arguments: [[0x84, 0, 0, 9], [0x84, 0, 0x40, 0], [0x84, 255, 255, 255], [4, 0, 9, 9]])
    func damagedMetadataAreNamed(_ block: [UInt8]) throws {
        let whole = try Recording.flac.data
        let first = try #require(whole.range(of: Data([0xFF, 0xF8]))).lowerBound
        let file = whole[..<42] + block + whole[first...]
        let error = #expect(throws: AudioError.self) { try read(file) }
        #expect(error?.description.contains("(its metadata are damaged)") == true)
        let script = "for last; do :; done; cat '\(Recording.streamedWAV.path)' > ${last#file:}"
        let input = try AudioInput(path: folder.write(file, "song"), ffmpeg: folder.ffmpeg(script))
        let warnings = try AudioFile.read(input).warnings.map(\.description)
        #expect(warnings.first?.contains("0.050 s of the announced 0.500 s") == true, "\(warnings)")
    }

    @Test func flacThatEndsBetweenFramesIsSaidToBeCut() throws {
        let plain = try Recording.flac.data
        let frames = plain.ranges(of: Data([0xFF, 0xF8])).map(\.lowerBound)
        for end in frames.dropFirst() {
            let (audio, warnings) = try read(plain[..<end])
            #expect(audio.sampleCount < 22_050)
            #expect(warnings.first?.contains("of the announced 0.500 s") == true, "\(warnings)")
        }
    }
}
