import Foundation
import HTDemucs
import Porting
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// Where `compare` says that an error begins, in the values of PyTorch's golden trace.
@Suite struct CliffTests {
    private let folder = TemporaryFolder()
    private let golden = Fixture.url("ports/trace.safetensors").path

    /// Compares the golden trace with one whose values have noise at an SNR in dB.
    private func compare(
        _ noisy: [String: Double], leavingOut missing: [String] = [], bound: Double? = nil,
        like: [String: Double]? = nil, isReplayed: Bool = false
    ) throws -> ComparisonReport {
        let right = try like.map { try port(in: "like", $0) }
        return try ComparisonReport(
            reference: TensorCollection(golden), found: port(in: "found", noisy, missing),
            bound: bound, like: right, isReplayed: isReplayed)
    }

    private func port(
        in name: String, _ noisy: [String: Double], _ missing: [String] = []
    ) throws -> TensorCollection {
        let reference = try TensorCollection(golden)
        let found = folder.path(name)
        try? FileManager.default.removeItem(atPath: found)
        try FileManager.default.createDirectory(
            atPath: found, withIntermediateDirectories: true)
        for name in reference.names where !missing.contains(name) {
            var tensor = try reference.tensor(name, like: reference)
            if let decibels = noisy[name] {
                let ratio = Float(pow(10, -decibels / 20))
                tensor.values = tensor.values.enumerated().map {
                    $0.element * (1 + ($0.offset % 2 == 0 ? ratio : -ratio))
                }
            }
            try TensorFile.write(
                tensor, to: "\(found)/\(name).npy", TensorEncoding(.npy, .float32))
        }
        return try TensorCollection(found)
    }

    @Test func equalValuesHaveNoCliff() throws {
        let report = try compare([:])
        #expect(report.cliff == nil && report.cliffs.isEmpty)
    }

    /// Each value of a port is wrong alone, then together with everything after it.
    @Test func anyValueCanBeNamed() throws {
        let names = try compare([:]).comparisons.map(\.name)
        for (index, name) in names.enumerated() {
            let alone = try compare([name: 50])
            #expect(alone.cliffs.map(\.comparison.name) == [name])
            let after = Dictionary(uniqueKeysWithValues: names[index...].map { ($0, 40.0) })
            let all = try compare(after.merging([name: 50]) { $1 })
            #expect(all.cliffs.contains { $0.comparison.name == name }, "\(name)")
        }
    }

    @Test func aLaterAndLargerErrorDoesNotHideItsOrigin() throws {
        let report = try compare(["tencoder.0.conv": 70, "tencoder.0": 50, "tencoder.1": 10])
        let cliff = try #require(report.cliff)
        #expect(report.cliffs.count == 1)
        #expect(cliff.comparison.name == "tencoder.0.conv")
        #expect(abs(cliff.comparison.snrDecibels - 70) < 0.1)
        #expect(cliff.fedDecibels == .infinity)
    }

    @Test func faultsOfBothBranchesAreNamed() throws {
        let report = try compare(["encoder.0.conv": 60, "tencoder.0.conv": 30])
        #expect(report.cliffs.map(\.comparison.name) == ["tencoder.0.conv", "encoder.0.conv"])
        #expect(report.cliff?.comparison.name == "tencoder.0.conv")
    }

    @Test func aFallThatRoundingExplainsIsNoCliff() throws {
        #expect(try compare(["x": 110, "xt": 106]).cliff == nil)
        #expect(try compare(["x": 60, "encoder.0.conv": 55], bound: 50).cliff == nil)
        let report = try compare(["x": 60, "encoder.0.conv": 45], bound: 50)
        #expect(report.cliff?.comparison.name == "encoder.0.conv")
        #expect(abs(try #require(report.cliff).fedDecibels - 60) < 0.1)
    }

    @Test func aRightPortOfThePrecisionSetsTheBounds() throws {
        let names = try compare([:]).comparisons.map(\.name)
        let like = Dictionary(uniqueKeysWithValues: names.map { ($0, 50.0) })
        #expect(try compare(like, like: like).cliff == nil)
        #expect(try compare(like.merging(["encoder.0": 42]) { $1 }, like: like).cliff == nil)
        let report = try compare(like.merging(["encoder.0": 35]) { $1 }, like: like)
        #expect(report.cliffs.map(\.comparison.name) == ["encoder.0"])
        #expect(abs(try #require(report.cliff?.comparison.likeDecibels) - 50) < 0.1)
    }

    @Test func valuesThatAPortLeavesOutAreSteppedOver() throws {
        let missing = ["encoder.0.conv", "encoder.0.dconv", "encoder.0.rewrite"]
        let wrong = try compare(["encoder.0": 40, "encoder.0.embedded": 35], leavingOut: missing)
        #expect(wrong.cliffs.map(\.comparison.name) == ["encoder.0"])
        let fed = try compare(["x": 40, "encoder.0": 38], leavingOut: missing)
        #expect(fed.cliffs.map(\.comparison.name) == ["x"])
    }

    @Test func everyWrongReplayedValueIsNamed() throws {
        let wrong = ["x": 40.0, "encoder.0.conv": 30, "decoder.0": 20]
        let report = try compare(wrong, isReplayed: true)
        #expect(report.cliffs.map(\.comparison.name) == ["x", "encoder.0.conv", "decoder.0"])
        #expect(report.cliff?.comparison.name == "decoder.0")
    }

    @Test func longNormalisedValuesMayBeLessAccurate() throws {
        // x of 7.8 s of the real configuration.
        let shape = [4, 2048, 336]
        let values = (0..<shape.reduce(1, *)).map { Float($0 % 7) - 3 }
        let path = folder.path("long")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (file, gain) in [("a", Float(1)), ("b", 1 + 1e-3), ("c", 1 + 5e-4)] {
            try FileManager.default.createDirectory(
                atPath: "\(path)/\(file)", withIntermediateDirectories: true)
            try TensorFile.write(
                NamedTensor("x", shape, values.map { $0 * gain }),
                to: "\(path)/\(file)/x.npy", TensorEncoding(.npy, .float32))
        }
        func cliff(_ file: String) throws -> Cliff? {
            try ComparisonReport(
                reference: TensorCollection("\(path)/a"),
                found: TensorCollection("\(path)/\(file)")
            ).cliff
        }
        // 60 and 66 dB.
        #expect(try cliff("b") == nil)
        #expect(try cliff("c") == nil)
    }
}
