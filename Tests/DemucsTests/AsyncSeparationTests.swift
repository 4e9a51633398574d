import Audio
import Demucs
import Foundation
import TestSupport
import Testing

/// Files and sequences of buffers from asynchronous code.
struct AsyncSeparationTests {
    let folder = TemporaryFolder()

    private func outputs(_ prefix: String) -> [StemOutput] {
        NoiseTrack.outputs { folder.path("\(prefix)_\($0).wav") }
    }

    private static let options = SeparationOptions(shifts: 1, seed: 8)

    @Test func piecesAndMemoryGiveTheFilesOfTheWholeTrack() async throws {
        // Longer than a block of the temporary file.
        let track = NoiseTrack.buffer(samples: 20_000, amplitude: 0.5)
        let path = folder.path("track.wav")
        try await AudioFile.write(track, to: path, format: .wav(.float32), clip: .none)
        #expect(try await AudioFile.read(path).buffer == track)
        let model = Fixture.url("models/cross_first.safetensors").path
        let separator = try await Separator.load(ModelFiles(checkpoint: model), threads: 1)
        let updates = separator.updates(
            of: try await AudioInput.open(URL(fileURLWithPath: path)), into: outputs("file"),
            options: Self.options)
        var counts: [Int] = []
        var report: TrackReport?
        for try await update in updates {
            switch update {
            case .progress(let step): counts.append(step.segmentsDone)
            case .finished(let value): report = value
            }
        }
        let ofFile = try #require(report)
        #expect(counts.count > 1)
        #expect(counts == Array(0..<counts.count))
        let ofPieces = try await separator.separate(
            AudioInput.collect(NoiseTrack.pieces(of: track)), into: outputs("pieces"),
            options: Self.options)
        let ofMemory = try await separator.separate(
            AudioInput(track), into: outputs("memory"), options: Self.options)
        #expect(ofFile.outputs.map(\.sha256) == ofPieces.outputs.map(\.sha256))
        #expect(ofFile.outputs.map(\.sha256) == ofMemory.outputs.map(\.sha256))
        #expect(ofPieces.durationSeconds == 12.5)
    }

    @Test func aNameWithoutAFormatSaysIt() async throws {
        let audio = NoiseTrack.buffer(samples: 2_000, rateHz: 44_100, amplitude: 0.5)
        for (name, magic) in [("a.wav", "RIFF"), ("a.FLAC", "fLaC"), ("temporary", "fLaC")] {
            let format = name == "temporary" ? OutputFormat(container: .flac) : nil
            try await AudioFile.write(audio, to: folder.path(name), format: format)
            #expect(try folder.data(name).starts(with: Data(magic.utf8)))
        }
        try await AudioFile.write(audio, to: folder.path("a.Mp3"))
        // A frame, or ID3.
        #expect([0xFF, 0x49].contains(try folder.data("a.Mp3").first))
        let known = try folder.contents
        let cases: [(String, OutputFormat?, String)] = [
            ("b.ogg", nil, "doesn't end in .wav, .flac or .mp3, and no format is given"),
            ("b.mp3", .wav(.int16), "ends in .mp3, and the format is WAV"),
            ("b\0.wav", nil, "can't hold this name"),
        ]
        for (name, format, text) in cases {
            await #expect {
                try await AudioFile.write(
                    audio, to: "\(folder.url.path)/\(name)", format: format)
            } throws: { $0 is AudioError && "\($0)".contains(text) }
        }
        #expect(try folder.contents == known)
    }

    @Test func aZeroByteInAPathIsRefused() async throws {
        let path = folder.path("track.wav")
        try await AudioFile.write(NoiseTrack.buffer(samples: 10), to: path)
        await #expect {
            try await AudioInput.open("\(path)\0.flac")
        } throws: { "\($0)".contains("zero byte") }
        let model = Fixture.url("models/cross_first.safetensors").path
        await #expect {
            try await Separator.load(ModelFiles(checkpoint: "\(model)\0.th"))
        } throws: { "\($0)".contains("cross_first") }
        let pieces = NoiseTrack.pieces(of: NoiseTrack.buffer(samples: 10))
        await #expect {
            try await AudioInput.collect(pieces, spoolFolder: "\(folder.url.path)/spool\0x")
        } throws: { "\($0)".contains("zero byte") }
        #expect(try folder.contents == ["track.wav"])
    }

    @Test func cancellingTheTaskLeavesNoFiles() async throws {
        let separator = try NoiseTrack.model()
        let track = NoiseTrack.buffer(samples: 100_000)
        let input = try await AudioInput.collect(NoiseTrack.pieces(of: track))
        let work = Task {
            // Far more than can be done before the first update arrives.
            let updates = separator.updates(
                of: input, into: outputs("cancelled"), options: SeparationOptions(shifts: 100))
            for try await _ in updates { withUnsafeCurrentTask { $0?.cancel() } }
        }
        await #expect(throws: CancellationError.self) { try await work.value }
        // The work has ended when the sequence throws.
        #expect(try folder.contents == [])
    }
}
