import Audio
import Foundation
import Networks
import Porting
import Tensor
import TestSupport
import Testing
import Tracks

@Suite struct TensorComparisonTests {
    let fixture: PortedFixture

    init() throws {
        fixture = try PortedFixture()
    }

    @Test func measuresAreWhatTheirNamesSay() {
        let reference = NamedTensor("t", [2, 2], [3, 0, 0, 4])
        let found = NamedTensor("t", [1, 2, 2], [3, 0, 0.5, 4])
        let comparison = TensorComparison(reference: reference, found: found)
        // 25 against 0.25.
        #expect(abs(comparison.snrDecibels - 20) < 1e-12)
        #expect(comparison.maxAbsolute == 0.5)
        #expect(abs(comparison.relativeL2 - 0.1) < 1e-12)
        #expect(comparison.firstBad == [1, 0])
        #expect(comparison.isComparable)
        // A thousandth of the RMS, which is 2.5.
        for (error, bad) in [(Float(0.002_49), nil), (0.002_51, [0, 1])] {
            let found = NamedTensor("t", [2, 2], [3, error, 0, 4])
            #expect(TensorComparison(reference: reference, found: found).firstBad == bad)
        }
        // The same bound for a single value.
        for (value, bad) in [(Float(4.003_9), nil), (4.004_1, [0])] {
            let (one, found) = (NamedTensor("t", [1], [4]), NamedTensor("t", [1], [value]))
            #expect(TensorComparison(reference: one, found: found).firstBad == bad)
        }
    }

    @Test func theExtremesHaveTheirOwnWords() {
        let silence = NamedTensor("t", [3], [0, 0, 0])
        let equal = TensorComparison(reference: silence, found: silence)
        #expect(equal.snrDecibels == .infinity && equal.relativeL2 == 0)
        let broken = NamedTensor("t", [3], [0, .nan, 0])
        let comparison = TensorComparison(reference: silence, found: broken)
        #expect(comparison.snrDecibels == -.infinity)
        #expect(comparison.firstBad == [1])
        let other = TensorComparison(
            reference: silence, found: NamedTensor("t", [4], [0, 0, 0, 0]))
        #expect(!other.isComparable && other.snrDecibels == -.infinity)
    }

    @Test(arguments: [Float.nan, .infinity])
    func roundingBeforeABrokenElementIsNotBad(broken: Float) {
        let reference = NamedTensor("t", [3], [1, 1, 1])
        let found = NamedTensor("t", [3], [1.000_001, 1, broken])
        #expect(TensorComparison(reference: reference, found: found).firstBad == [2])
    }

    /// ``LayerJudge`` names what right ports have, 110 dB without a long sum: 5 to 15 dB more than the bound.
    @Test(arguments: [
        ("x", [360_448, 1, 1], 91), ("x", [2_800_000, 1, 1], 68), ("x", [9, 10, 10], 110),
        ("x", [2_800_000, 1], 110), ("mag", [2_800_000, 1], 80), ("output", [9, 0, 10], 110),
        ("output", [4, 2_800_000, 1], 68), ("add_67", [4, 2_800_000, 1], 68),
        ("encoder.0.rewrite", [2_800_000, 1, 1], 110), ("encoder.0.dconv.layers.0", [9, 9], 110),
        ("tdecoder.3.dconv.layers.0", [529_200, 1], 88),
        ("decoder.3.dconv.layers.0", [99, 4_100_000, 1], 61),
        ("crosstransformer.layers.4", [1_400_000, 1], 94),
        ("crosstransformer.layers.4.self_attn", [1_400_000, 1], 110),
    ])
    func boundsLieBelowWhatRightPortsHave(name: String, shape: [Int], measured: Double) {
        let bound = LayerJudge.leastFloat32Decibels(name, shape)
        #expect((5..<15).contains(measured - bound), "\(bound)")
    }

    @Test func finalMayLackTheRest() throws {
        for (name, stems) in [("ours", 3), ("theirs", 2)] {
            try FileManager.default.createDirectory(
                atPath: fixture.folder.path(name), withIntermediateDirectories: true)
            let values = (0..<stems * 4).map { Float($0) + 1 }
            try TensorFile.write(
                NamedTensor("final", [stems, 2, 2], values),
                to: fixture.folder.path("\(name)/final.npy"), TensorEncoding(.npy, .float32))
        }
        let (ours, theirs) = try (
            TensorCollection(fixture.folder.path("ours")),
            TensorCollection(fixture.folder.path("theirs"))
        )
        #expect(try ComparisonReport(reference: ours, found: theirs).wrong.isEmpty)
        #expect(try ComparisonReport(reference: theirs, found: ours).wrong.map(\.name) == ["final"])
    }

    @Test func foldersOfStemsAreComparedByName() throws {
        for (name, gain) in [("a", Float(0.5)), ("b", 0.25)] {
            try FileManager.default.createDirectory(
                atPath: fixture.folder.path(name), withIntermediateDirectories: true)
            try fixture.track("\(name)/drums.wav", samples: 100, gain: gain)
            try fixture.track("\(name)/bass.wav", samples: 100, seed: 4)
        }
        try fixture.track("a/vocals.wav", samples: 10)
        try fixture.track("b/piano.wav", samples: 10)
        let report = try ComparisonReport(
            reference: TensorCollection(fixture.folder.path("a")),
            found: TensorCollection(fixture.folder.path("b")), bound: 60)
        #expect(report.comparisons.map(\.name) == ["bass", "drums", "vocals"])
        #expect(report.comparisons[0].snrDecibels == .infinity)
        // The error is half of the amplitude.
        #expect(abs(report.comparisons[1].snrDecibels - 6.02) < 0.01)
        #expect(report.wrong.map(\.name) == ["drums"])
        #expect(report.missing == ["vocals"] && report.extra == ["piano"])
        #expect(report.comparisons[2].foundShape == nil)
        // A bound that is met is enough.
        for bound in [report.comparisons[1].snrDecibels, report.comparisons[1].snrDecibels.nextUp] {
            let wrong = try ComparisonReport(
                reference: TensorCollection(fixture.folder.path("a")),
                found: TensorCollection(fixture.folder.path("b")), bound: bound
            ).wrong
            #expect(wrong.isEmpty == (bound == report.comparisons[1].snrDecibels))
        }
    }

    /// Raw files take their shape from the manifest of either side.
    @Test func chunksOfAnotherRuntimeNeedNoManifest() throws {
        let theirs = ChunkFolder(fixture.folder.path("theirs"))
        let description = try fixture.prepare(try fixture.track(samples: 300))
        try fixture.run()
        for index in 0..<description.chunk.count {
            try FileManager.default.createDirectory(
                atPath: theirs.folder(index), withIntermediateDirectories: true)
            try TensorFile.write(
                try fixture.tensor("output", index, description.outputs[0].shape),
                to: theirs.file("output", index, .raw), TensorEncoding(.raw, .float16))
        }
        let report = try ComparisonReport(
            reference: TensorCollection(fixture.chunks), found: TensorCollection(theirs.path),
            only: [NamePattern("*/output")], bound: 60)
        #expect(report.comparisons.count == description.chunk.count)
        #expect(report.wrong.isEmpty && report.missing == [])
        #expect(report.comparisons[0].shape == description.outputs[0].shape)
        // Rounded to float16.
        #expect(report.comparisons.allSatisfy { $0.snrDecibels < 90 })
    }

    /// `x` is `mag` to the network in a chunk with an `input`.
    @Test func valuesOfOneNameLeaveThePortsFilesAsTheyAre() throws {
        for side in ["ours", "theirs"] {
            let folder = fixture.folder.path("\(side)/chunk")
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            for (index, name) in ["input", "mag", "x"].enumerated() {
                try TensorFile.write(
                    NamedTensor(name, [2], [Float(index), 1]), to: "\(folder)/\(name).npy",
                    TensorEncoding(.npy, .float32))
            }
        }
        let mag = fixture.folder.url.appendingPathComponent("theirs/chunk/mag.npy")
        let before = try Data(contentsOf: mag)
        let report = try ComparisonReport(
            reference: TensorCollection(fixture.folder.path("ours")),
            found: TensorCollection(fixture.folder.path("theirs")))
        #expect(throws: PortingError.self) {
            try report.write(valuesTo: fixture.folder.path("values"))
        }
        #expect(try Data(contentsOf: mag) == before)
    }

    @Test func nothingInCommonIsAnError() throws {
        let golden = Fixture.url("ports/trace.safetensors").path
        let other = Fixture.url("signal/pad1d.safetensors").path
        #expect(throws: PortingError.self) {
            _ = try ComparisonReport(
                reference: TensorCollection(golden), found: TensorCollection(other),
                bound: 60)
        }
        #expect(throws: PortingError.self) { _ = try TensorCollection(fixture.folder.path("none")) }
        #expect(throws: PortingError.self) { _ = try TensorCollection(fixture.folder.url.path) }
    }
}
