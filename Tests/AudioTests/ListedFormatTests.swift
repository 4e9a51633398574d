import Audio
import CSndFile
import Foundation
import TestSupport
import Testing

/// The formats that libsndfile may decode.
struct ListedFormatTests {
    private let folder = TemporaryFolder()

    /// Writes a second of silence in a format of libsndfile.
    private func write(_ name: String, _ format: Int) throws -> String {
        let path = folder.path(name)
        var info = SF_INFO()
        (info.samplerate, info.channels, info.format) = (8_000, 1, Int32(format))
        let handle = try #require(sf_open(path, Int32(SFM_WRITE), &info))
        sf_write_float(handle, [Float](repeating: 0, count: 8_000), 8_000)
        sf_close(handle)
        return path
    }

    private func open(_ path: String, allFormats: Bool = false) throws -> AudioInput {
        try AudioInput(path: path, spool: Spool(allFormats: allFormats), ffmpeg: nil)
    }

    @Test(arguments: [
        ("int8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8),
        ("double.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE),
        ("extensible.wav", SF_FORMAT_WAVEX | SF_FORMAT_FLOAT),
        ("rf64.wav", SF_FORMAT_RF64 | SF_FORMAT_PCM_16),
        ("big.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16 | SF_ENDIAN_BIG),
        ("int24.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_24),
        ("little.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16 | SF_ENDIAN_LITTLE),
        ("float.aiff", SF_FORMAT_AIFF | SF_FORMAT_FLOAT),
        ("int16.w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16),
        ("float.caf", SF_FORMAT_CAF | SF_FORMAT_FLOAT),
        ("little.caf", SF_FORMAT_CAF | SF_FORMAT_PCM_24 | SF_ENDIAN_LITTLE),
        ("double.au", SF_FORMAT_AU | SF_FORMAT_DOUBLE),
        ("int8.caf", SF_FORMAT_CAF | SF_FORMAT_PCM_S8),
        ("flac.ogg", SF_FORMAT_FLAC | SF_FORMAT_PCM_16),
    ])
    func listedFormatsAreDecoded(_ name: String, _ format: Int) throws {
        let input = try open(write(name, format))
        #expect(try AudioFile.read(input).buffer.sampleCount == 8_000)
    }

    @Test(arguments: [
        ("ima.wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM),
        ("ms.wav", SF_FORMAT_WAV | SF_FORMAT_MS_ADPCM),
        ("ulaw.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW),
        ("alaw.wav", SF_FORMAT_WAVEX | SF_FORMAT_ALAW),
        ("ima.aiff", SF_FORMAT_AIFF | SF_FORMAT_IMA_ADPCM),
        ("ulaw.aiff", SF_FORMAT_AIFF | SF_FORMAT_ULAW),
        ("ulaw.w64", SF_FORMAT_W64 | SF_FORMAT_ULAW),
        ("alac.caf", SF_FORMAT_CAF | SF_FORMAT_ALAC_16),
        ("ulaw.au", SF_FORMAT_AU | SF_FORMAT_ULAW), ("pcm.voc", SF_FORMAT_VOC | SF_FORMAT_PCM_U8),
        ("pcm.mat", SF_FORMAT_MAT5 | SF_FORMAT_PCM_16),
        ("pcm.sds", SF_FORMAT_SDS | SF_FORMAT_PCM_16),
    ])
    func otherFormatsAreDecodedOnRequestOnly(_ name: String, _ format: Int) throws {
        let path = try write(name, format)
        let error = #expect(throws: AudioError.self) { try open(path) }
        #expect(
            error?.description.contains("not PCM or float WAV") == true,
            "\(error?.description ?? "")")
        #expect(error?.description.contains("Install ffmpeg") == true)
        #expect(try AudioFile.read(open(path, allFormats: true)).buffer.sampleCount >= 8_000)
    }

    /// A tag before another format, and a format that is named after the samples.
    @Test func otherFormatsDontHide() throws {
        let tag = Data("ID3".utf8) + Data([4, 0, 0, 0, 0, 0, 2, 0, 0])
        let matlab = try Data(
            contentsOf: URL(fileURLWithPath: write("a.mat", SF_FORMAT_MAT5 | SF_FORMAT_PCM_16)))
        let tagged = try folder.write(tag + matlab, "tagged.mp3")
        #expect(throws: AudioError.self) { try open(tagged) }
        var wav = try Data(
            contentsOf: URL(fileURLWithPath: write("a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16)))
        let ima = try Data(
            contentsOf: URL(fileURLWithPath: write("b.wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM)))
        let size = Int(ima[16]) + 8
        wav += ima[12..<12 + size]
        #expect(throws: AudioError.self) { try open(folder.write(wav, "late.wav")) }
    }
}
