// Separating a track through files: prepare, run, stems.

import Audio
import Demucs
import Foundation
import Networks
import Porting
import Tensor
import TestSupport
import Testing
import Tracks

@Suite struct ChunkTests {
    let fixture: PortedFixture

    init() throws {
        fixture = try PortedFixture()
    }

    private func bytes(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

    @Test func spectrogramsAreTheOfficialOnes() throws {
        let golden = try Fixture("ports/trace")
        let mix = fixture.backend.tensor(try golden.shape("mix"), try golden.floats("mix"))
        let inputs = CoreSpectrogram(nfft: 256, on: fixture.backend).inputs(mix)
        #expect(inputs.map(\.name) == ["input", "x"])
        #expect(inputs[1].shape == [1] + (try golden.shape("mag")))
        let comparison = Comparison(
            actual: inputs[1].values, expected: try golden.floats("mag"))
        #expect(comparison.snrDecibels > 120, "\(comparison)")
    }

    @Test func theManifestDescribesTheChunks() throws {
        let track = try fixture.track(samples: 500)
        let description = try fixture.prepare(track)
        #expect(try ChunkDescription(folder: fixture.chunks) == description)
        #expect(description.chunk.count == 4 && description.chunk.hop == 120)
        #expect(description.chunk.padding == 3 * 120 + 160 - 500)
        #expect(description.inputs.map(\.shape) == [[1, 2, 160], [1, 4, 128, 3]])
        #expect(description.outputs.map(\.shape) == [[1, 2, 4, 128, 3], [1, 2, 2, 160]])
        var statistics = TrackStatistics()
        let mix = try AudioFile.read(track).buffer
        statistics.add(mix)
        #expect(description.normalisation.mean == statistics.mean)
        #expect(description.normalisation.scale == statistics.scale)

        // The last chunk: normalised samples, then zeros.
        let expected = mix.channels.flatMap { channel in
            (360..<520).map { $0 < 500 ? (channel[$0] - statistics.mean) / statistics.scale : 0 }
        }
        #expect(try fixture.tensor("input", 3, [1, 2, 160]).values == expected)
    }

    /// A track of one chunk gives the result of a track that isn't split, up to the files'
    /// precision.
    @Test(
        arguments: ["cross_first", "mono", "hybrid_old", "one_source"],
        TensorEncoding.Container.allCases)
    func aSingleChunkGivesTheSeparatorsStems(
        model: String, container: TensorEncoding.Container
    ) throws {
        let track = try fixture.track(samples: 400)
        try fixture.prepare(
            track, for: model, chunkSamples: 400, encoding: TensorEncoding(container, .float32))
        try fixture.run()
        let separation = try Separator(PortedFixture.model(model), threads: 2).separate(
            AudioInput(path: track), options: SeparationOptions(shifts: 0, split: false))
        let comparison = Comparison(
            actual: try fixture.stems().flatMap { $0 },
            expected: separation.stems.flatMap { $0.audio.channels }.flatMap {
                // Float32 WAV files are limited to full scale.
                $0.map { max(-1, min(1, $0)) }
            })
        // The same core on the same numbers; only the order of the last sums differs.
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    @Test func float16FilesCostWhatRoundingCosts() throws {
        let track = try fixture.track(samples: 700)
        let results = try TensorEncoding.Element.allCases.map { element in
            let chunks = fixture.folder.path(element.rawValue)
            try fixture.prepare(track, to: chunks, encoding: TensorEncoding(.raw, element))
            try fixture.run(chunks)
            return try fixture.stems(chunks).flatMap { $0 }
        }
        let comparison = Comparison(actual: results[1], expected: results[0])
        // Float16 rounds by up to 2⁻¹² (−66 dB), once in the input and once in the output.
        #expect(comparison.snrDecibels > 55, "\(comparison)")
        #expect(comparison.snrDecibels < 90, "\(comparison)")
    }

    @Test func finishedWaveformsNeedNoTransform() throws {
        let track = try fixture.track(samples: 500)
        let description = try fixture.prepare(track)
        // Each source gets a part of the mix: the stems must be these parts of the track.
        let parts: [Float] = [0.25, -0.5]
        for index in 0..<description.chunk.count {
            let input = try fixture.tensor("input", index, [1, 2, 160])
            let stems = parts.flatMap { part in input.values.map { part * $0 } }
            try TensorFile.write(
                NamedTensor("stems", [1, 2, 2, 160], stems),
                to: fixture.file("stems", index, .npy), TensorEncoding(.npy, .float32))
        }
        let stems = try fixture.stems(outputs: .finished("stems"))
        let (mean, scale) = (description.normalisation.mean, description.normalisation.scale)
        let mix = try AudioFile.read(track).buffer.channels
        let expected = parts.flatMap { part in
            mix.flatMap { $0.map { part * ($0 - mean) / scale * scale + mean } }
        }
        let comparison = Comparison(actual: stems.flatMap { $0 }, expected: expected)
        #expect(comparison.snrDecibels > 120, "\(comparison)")
    }

    @Test func completeFilesAreNotWrittenAgain() throws {
        let track = try fixture.track(samples: 900)
        try fixture.prepare(track)
        try fixture.run()
        let kept = fixture.file("output", 1)
        let lost = fixture.file("add_67", 2)
        let golden = bytes(lost)
        // Content that a second run would overwrite.
        let marked = Data(count: bytes(kept)?.count ?? 0)
        try marked.write(to: URL(fileURLWithPath: kept))
        try FileManager.default.removeItem(atPath: lost)
        try FileManager.default.removeItem(atPath: fixture.file("input", 3))
        try fixture.prepare(track)
        let progress = try fixture.run()
        // Outputs of inputs that were written again are, too.
        #expect(progress == [6, 7, 8])
        #expect(bytes(kept) == marked)
        #expect(bytes(lost) == golden)

        // Outputs of another model or precision don't count as outputs of this one.
        try fixture.run(on: Backend(threads: 2, precision: .bfloat16))
        #expect(bytes(kept) != marked)
        #expect(bytes(lost) != golden)
    }

    @Test func aFolderOfOtherChunksIsLeftAlone() throws {
        let track = try fixture.track(samples: 500)
        let other = try fixture.track("b.wav", samples: 500, seed: 2)
        try fixture.prepare(track)
        for (track, samples) in [(other, 160), (track, 200)] {
            #expect {
                try fixture.prepare(track, chunkSamples: samples)
            } throws: { error in
                guard case PortingError.folderTaken(fixture.chunks, _) = error else { return false }
                return true
            }
        }
    }

    @Test func aModelOfAnotherKindIsRefused() throws {
        let description = try fixture.prepare(try fixture.track(samples: 500))
        #expect(throws: PortingError.self) {
            _ = try CoreRun(
                fixture.chunks, description: description, model: try PortedFixture.model("mono"))
        }
    }
}
