import Audio
import Foundation
import TestSupport
import Testing

/// Tags through every container that supports them.
struct TagTests {
    private let folder = TemporaryFolder()

    private static let tagged = [
        OutputFormat.wav(.int16), .wav(.float32), .flac, .mp3(),
    ]

    private static let fields: [WritableKeyPath<AudioTags, String?> & Sendable] = [
        \.title, \.artist, \.album, \.date, \.comment, \.trackNumber, \.genre, \.copyright,
    ]

    private func rewritten(_ tags: AudioTags?, as format: OutputFormat) throws -> AudioTags {
        let path = folder.path("stem")
        try AudioFile.write(
            PlanarAudio(TestSignal.tone(samples: 3_000)), to: path, format: format, tags: tags)
        return try AudioInput(path: path).tags
    }

    @Test(
        arguments: tagged,
        ["Plain", "Größe, naïve", "Песня", "曲名", "أغنية", "गीत", "🎵 𝄞", "odd", "ß"])
    func tagsOfAnyScriptComeBack(format: OutputFormat, text: String) throws {
        var tags = AudioTags()
        for (index, field) in Self.fields.enumerated() { tags[keyPath: field] = "\(text) \(index)" }
        tags.date = "2021-05-03"
        tags.trackNumber = "3/12"
        #expect(try rewritten(tags, as: format) == tags)
    }

    @Test(arguments: tagged, 0..<8)
    func eachTagStandsAlone(format: OutputFormat, index: Int) throws {
        var tags = AudioTags()
        tags[keyPath: Self.fields[index]] = "1999"
        #expect(try rewritten(tags, as: format) == tags)
    }

    @Test(arguments: tagged)
    func nothingIsWrittenForEmptyTags(format: OutputFormat) throws {
        var empty = AudioTags()
        empty.title = ""
        empty.artist = "\0 behind the end"
        #expect(try rewritten(empty, as: format) == AudioTags())
        let withEmpty = try folder.data("stem")
        _ = try rewritten(nil, as: format)
        #expect(try folder.data("stem") == withEmpty)
    }

    @Test(arguments: tagged)
    func longTagsLeaveTheSoundAlone(format: OutputFormat) throws {
        var tags = AudioTags()
        tags.comment = String(repeating: "Ein langer Kommentar. ", count: 5_000)
        tags.title = "Title"
        let read = try rewritten(tags, as: format)
        #expect(read.comment == nil || tags.comment?.hasPrefix(read.comment ?? "") == true)
        #expect(try AudioFile.read(folder.path("stem")).buffer.sampleCount == 3_000)
    }

    /// ffmpeg's chunk for the track number; libsndfile writes and reads ITRK.
    @Test
    func trackNumberMayBeCalledPart() throws {
        var tags = AudioTags()
        tags.title = "odd"
        tags.trackNumber = "3/12"
        _ = try rewritten(tags, as: .wav(.int16))
        var data = try folder.data("stem")
        data.replaceSubrange(try #require(data.range(of: Data("ITRK".utf8))), with: "IPRT".utf8)
        #expect(try AudioInput(path: folder.write(data, "ffmpeg.wav")).tags == tags)
    }

    /// Old programs wrote bytes of their code page; ID3 version 1 pads texts with spaces.
    @Test
    func bytesThatAreNoUTF8AreTakenForLatin1() throws {
        var tags = AudioTags()
        tags.title = "Xber uns   "
        _ = try rewritten(tags, as: .wav(.int16))
        var data = try folder.data("stem")
        let place = try #require(data.range(of: Data("Xber".utf8))).lowerBound
        data[place] = 0xDC
        #expect(try AudioInput(path: folder.write(data, "old.wav")).tags.title == "Über uns")
    }
}
