// A track through files: prepare, run, stems.

import Audio
import Demucs
import Foundation
import HTDemucs
import Porting
import Tensor
import TestSupport
import Testing

@Suite struct ChunkTests {
    let backend: Backend
    let folder: TemporaryFolder

    init() throws {
        backend = try Backend(threads: 2)
        folder = try TemporaryFolder()
    }

    private func bytes(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

    @Test func spectrogramsAreTheOfficialOnes() throws {
        let golden = try Fixture("ports/trace")
        let mix = backend.tensor(try golden.shape("mix"), try golden.floats("mix"))
        let inputs = CoreSpectrogram(nfft: 256, on: backend).inputs(mix)
        #expect(inputs.map(\.name) == ["input", "x"])
        #expect(inputs[1].shape == [1] + (try golden.shape("mag")))
        let comparison = Comparison(
            actual: inputs[1].values, expected: try golden.floats("mag"))
        #expect(comparison.snrDecibels > 120, "\(comparison)")
    }

    @Test func theManifestDescribesTheChunks() throws {
        try PortedFixture.track(folder.path("song.wav"), samples: 500)
        let chunks = folder.path("chunks")
        let manifest = try PortedFixture.prepare(
            folder.path("song.wav"), to: chunks, on: backend)
        #expect(try Manifest(folder: chunks) == manifest)
        #expect(manifest.chunk.count == 4 && manifest.chunk.hop == 120)
        #expect(manifest.chunk.padding == 3 * 120 + 160 - 500)
        #expect(manifest.inputs.map(\.shape) == [[1, 2, 160], [1, 4, 128, 3]])
        #expect(manifest.outputs.map(\.shape) == [[1, 2, 4, 128, 3], [1, 2, 2, 160]])
        var statistics = TrackStatistics()
        let track = try AudioFile.read(folder.path("song.wav")).buffer
        statistics.add(track)
        #expect(manifest.normalisation.mean == statistics.mean)
        #expect(manifest.normalisation.scale == statistics.scale)

        // The last chunk: normalised samples, then zeros.
        let last = try TensorFile.read(
            ChunkFolder(chunks).file("input", 3, .raw), name: "input", shape: [1, 2, 160],
            element: .float32)
        let expected = track.channels.flatMap { channel in
            (360..<520).map { $0 < 500 ? (channel[$0] - statistics.mean) / statistics.scale : 0 }
        }
        #expect(last.values == expected)
    }

    /// A track of one chunk goes the way of a track that isn't split, but for the files.
    @Test(arguments: TensorEncoding.Container.allCases)
    func aSingleChunkGivesTheSeparatorsStems(_ container: TensorEncoding.Container) throws {
        let track = folder.path("song.wav")
        try PortedFixture.track(track, samples: 400)
        let chunks = folder.path("chunks")
        _ = try PortedFixture.prepare(
            track, to: chunks, chunkSamples: 400, encoding: TensorEncoding(container, .float32),
            on: backend)
        try PortedFixture.run(chunks, on: backend)
        let stems = try PortedFixture.stems(chunks, to: folder.path("stems"), on: backend)
        let separation = try Separator(
            ModelFiles(checkpoint: Fixture.url("models/cross_first.safetensors").path), threads: 2
        ).separate(
            AudioFile.read(track).buffer, options: SeparationOptions(shifts: 0, split: false))
        let comparison = Comparison(
            actual: stems.flatMap { $0 },
            expected: separation.stems.flatMap { $0.audio.channels }.flatMap {
                // Float32 WAV files end at full scale.
                $0.map { max(-1, min(1, $0)) }
            })
        // The same core on the same numbers; only the order of the last sums differs.
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    @Test func float16FilesCostWhatRoundingCosts() throws {
        let track = folder.path("song.wav")
        try PortedFixture.track(track, samples: 700)
        var results: [[Float]] = []
        for element in TensorEncoding.Element.allCases {
            let chunks = folder.path(element.rawValue)
            _ = try PortedFixture.prepare(
                track, to: chunks, encoding: TensorEncoding(.raw, element), on: backend)
            try PortedFixture.run(chunks, on: backend)
            results.append(
                try PortedFixture.stems(chunks, to: chunks + "-stems", on: backend)
                    .flatMap { $0 })
        }
        let comparison = Comparison(actual: results[1], expected: results[0])
        // Float16 rounds by up to 2⁻¹², −66 dB at the least, on the way in and on the way out.
        #expect(comparison.snrDecibels > 55, "\(comparison)")
        #expect(comparison.snrDecibels < 90, "\(comparison)")
    }

    @Test func finishedWaveformsNeedNoTransform() throws {
        let track = folder.path("song.wav")
        let chunks = folder.path("chunks")
        try PortedFixture.track(track, samples: 500)
        let manifest = try PortedFixture.prepare(track, to: chunks, on: backend)
        // Each source gets a part of the mix: the stems must be these parts of the track.
        let parts: [Float] = [0.25, -0.5]
        for index in 0..<manifest.chunk.count {
            let files = ChunkFolder(chunks)
            let input = try TensorFile.read(
                files.file("input", index, .raw), name: "input", shape: [1, 2, 160],
                element: .float32)
            let stems = parts.flatMap { part in input.values.map { part * $0 } }
            try TensorFile.write(
                NamedTensor("stems", [1, 2, 2, 160], stems), to: files.file("stems", index, .npy),
                TensorEncoding(.npy, .float32))
        }
        let stems = try PortedFixture.stems(
            chunks, to: folder.path("stems"), outputs: .finished("stems"), on: backend)
        let (mean, scale) = (manifest.normalisation.mean, manifest.normalisation.scale)
        let mix = try AudioFile.read(track).buffer.channels
        let expected = parts.flatMap { part in
            mix.flatMap { $0.map { part * ($0 - mean) / scale * scale + mean } }
        }
        let comparison = Comparison(actual: stems.flatMap { $0 }, expected: expected)
        #expect(comparison.snrDecibels > 120, "\(comparison)")
    }

    @Test func completeFilesAreNotWrittenAgain() throws {
        let track = folder.path("song.wav")
        let chunks = folder.path("chunks")
        try PortedFixture.track(track, samples: 900)
        _ = try PortedFixture.prepare(track, to: chunks, on: backend)
        try PortedFixture.run(chunks, on: backend)
        let files = ChunkFolder(chunks)
        let kept = files.file("output", 1, .raw)
        let lost = files.file("add_67", 2, .raw)
        let golden = bytes(lost)
        // A mark that a second run would overwrite.
        let marked = Data([UInt8](repeating: 0, count: bytes(kept)?.count ?? 0))
        try marked.write(to: URL(fileURLWithPath: kept))
        try FileManager.default.removeItem(atPath: lost)
        try FileManager.default.removeItem(atPath: files.file("input", 3, .raw))
        _ = try PortedFixture.prepare(track, to: chunks, on: backend)
        try PortedFixture.run(chunks, on: backend)
        #expect(bytes(kept) == marked)
        #expect(bytes(lost) == golden)

        // Another model's or precision's outputs are no outputs of this one.
        try CoreRun(
            chunks, manifest: Manifest(folder: chunks), model: PortedFixture.model()
        ).run(
            on: Backend(threads: 2, precision: .bfloat16), cancellation: CancellationToken())
        #expect(bytes(kept) != marked)
        #expect(bytes(lost) != golden)
    }

    @Test func aFolderOfOtherChunksIsLeftAlone() throws {
        let chunks = folder.path("chunks")
        try PortedFixture.track(folder.path("a.wav"), samples: 500)
        try PortedFixture.track(folder.path("b.wav"), samples: 500, seed: 2)
        _ = try PortedFixture.prepare(folder.path("a.wav"), to: chunks, on: backend)
        for (name, samples) in [("b.wav", 160), ("a.wav", 200)] {
            #expect {
                _ = try PortedFixture.prepare(
                    folder.path(name), to: chunks, chunkSamples: samples, on: backend)
            } throws: { error in
                if case PortingError.folderTaken(let path, _) = error {
                    path == chunks
                } else {
                    false
                }
            }
        }
    }

    @Test func aModelOfAnotherKindIsRefused() throws {
        let chunks = folder.path("chunks")
        try PortedFixture.track(folder.path("a.wav"), samples: 500)
        let manifest = try PortedFixture.prepare(folder.path("a.wav"), to: chunks, on: backend)
        #expect(throws: PortingError.self) {
            _ = try CoreRun(chunks, manifest: manifest, model: try PortedFixture.model("mono"))
        }
    }
}
