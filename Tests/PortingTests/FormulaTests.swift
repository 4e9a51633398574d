import Foundation
import Porting
import System
import TestSupport
import Testing
import Tracks

/// What `compare` says of PyTorch's golden traces with a mistake in one layer, and the case of it.
@Suite struct FormulaTests {
    private let folder = TemporaryFolder()
    private let reference: TensorCollection

    init() throws {
        reference = try TensorCollection(Fixture.url("ports/trace.safetensors").path)
    }

    private func compare(
        _ fault: String, only pattern: String = "*"
    ) throws -> (found: TensorCollection, report: ComparisonReport) {
        let found = try TensorCollection(Fixture.url("ports/\(fault).safetensors").path)
        let report = try ComparisonReport(
            reference: reference, found: found, only: [NamePattern(pattern)],
            model: { try PortedFixture.model() })
        return (found, report)
    }

    @Test(arguments: [
        ("tanh_gelu_encoder", "with GELU's tanh approximation in place of GELU, everywhere"),
        ("tanh_gelu_transformer", "with GELU's tanh approximation in place of GELU"),
        (
            "layer_norm_out_cross",
            "with LayerNorm's statistics, over channels, in crosstransformer.layers.0.norm_out"
        ),
        (
            "layer_norm_out_self",
            "with LayerNorm's statistics, over channels, in crosstransformer.layers_t.3.norm_out"
        ),
        ("symmetric_padding_first", "with zeros on both sides of the samples"),
        ("symmetric_padding_second", "with zeros on both sides of the samples"),
        ("biased_std_spectrogram", "with the biased standard deviation"),
        ("swapped_halves", "with the halves of the channels swapped"),
        ("wrong_exponent", "with another denominator in the exponents"),
        ("rows_together", "with statistics over all rows, everywhere"),
        ("unscaled_embedding", "with freq_emb.embedding.weight × 10.0"),
        (
            "updated_tokens",
            "with crosstransformer.layers.2 in place of crosstransformer.layers.1"
        ),
    ])
    func mistakesAreNamed(fault: String, text: String) throws {
        let explanation = try #require(try compare(fault).report.cliff?.explanation)
        #expect(explanation.text == "ours " + text)
        #expect(explanation.snrDecibels > 100)
    }

    /// The values of a port, and of a right one, in bfloat16.
    @Test func mistakesOfARoundedPortAreNamed() throws {
        func rounded(_ collection: TensorCollection, _ name: String) throws -> TensorCollection {
            let path = folder.path(name)
            try FilePath.makeFolder(path)
            for name in collection.names {
                var tensor = try collection.tensor(name, like: collection)
                tensor.values = tensor.values.map {
                    Float(bitPattern: ($0.bitPattern + 0x8000) & 0xFFFF_0000)
                }
                try TensorFile.write(
                    tensor, to: "\(path)/\(name).npy", TensorEncoding(.npy, .float32))
            }
            return try TensorCollection(path)
        }
        let fault = try TensorCollection(Fixture.url("ports/rows_together.safetensors").path)
        let report = try ComparisonReport(
            reference: reference, found: rounded(fault, "port"), like: rounded(reference, "like"),
            model: { try PortedFixture.model() })
        #expect(
            report.cliff?.explanation?.text
                == "ours with statistics over all rows, everywhere")
    }

    /// One value of PyTorch's with a mistake, in place of the right one.
    @Test(arguments: [
        ("queries that are not scaled", "with queries that are not scaled"),
        ("no rotations", "without rotations"),
        ("rotations of halves", "with rotations of the halves of a head in place of pairs"),
        ("exchanged", "with queries and keys exchanged"),
        ("no gates", "without gates"),
        ("tanh GELU", "with GELU's tanh approximation in place of GELU"),
        (
            "LayerNorm",
            "with LayerNorm, which subtracts the mean, in layers.0.0.layers.1.1.net.0"
        ),
        ("no bias", "without layers.0.0.layers.1.1.net.4.bias"),
        ("no gamma", "without gamma in final_norm"),
    ])
    func mistakesOfARoFormerAreNamed(fault: String, text: String) throws {
        let golden = Fixture.url("roformer/bands_deep.outputs.safetensors").path
        let right = try TensorCollection(golden)
        let faults = try TensorCollection(Fixture.url("roformer/faults.outputs.safetensors").path)
        let key = try #require(faults.names.first { $0.hasSuffix("/\(fault)") })
        let wrong = try faults.tensor(key, like: faults)
        let name = String(key.dropLast(fault.count + 1))
        let port = folder.path("port")
        try FilePath.makeFolder(port)
        for value in right.names {
            try TensorFile.write(
                value == name ? wrong : right.tensor(value, like: right),
                to: "\(port)/\(value).npy", TensorEncoding(.npy, .float32))
        }
        let report = try ComparisonReport(
            reference: right, found: TensorCollection(port),
            model: { try PortedFixture.roformer("bands_deep") })
        let cliff = try #require(report.cliff)
        #expect(cliff.comparison.name == name)
        #expect(cliff.explanation?.text == "ours " + text)
        #expect((cliff.explanation?.snrDecibels ?? 0) > 100)
    }

    /// A port with fewer values has the mistake in a longer formula.
    @Test func mistakesAreNamedAcrossLayersThatAPortLeavesOut() throws {
        let report = try compare("symmetric_padding_first", only: "tencoder.1").report
        let cliff = try #require(report.cliff)
        #expect(cliff.comparison.name == "tencoder.1")
        #expect(
            cliff.explanation?.text
                == "ours with zeros on both sides of the samples")
    }

    @Test func aCaseHasAllPartsOfALayer() throws {
        let (found, report) = try compare("rows_together")
        let path = folder.path("case")
        let layer = try #require(
            try CaseFolder(
                of: report, reference: reference, found: found, model: PortedFixture.model()))
        try layer.write(to: path)
        let expected = try reference.tensor("encoder.0", like: reference)
        for part in ["expected", "expected.safetensors"] {
            let collection = try TensorCollection("\(path)/\(part)")
            #expect(try collection.tensor("encoder.0", like: collection) == expected)
        }
        #expect(try TensorCollection("\(path)/input").names == ["x"])
        #expect(
            try TensorCollection("\(path)/weights.safetensors").names
                .contains("encoder.0.dconv.layers.1.4.weight"))
        let program = try String(contentsOfFile: "\(path)/case.py", encoding: .utf8)
        #expect(program.contains("y = F.gelu(y)"))
        let graph = try String(contentsOfFile: "\(path)/case.onnxtxt", encoding: .utf8)
        #expect(graph.contains("GroupNormalization"))
        #expect(throws: PortingError.self) { try layer.write(to: path) }
    }

    @Test func rightValuesAndValuesWithoutAFormulaHaveNoCase() throws {
        let right = try ComparisonReport(reference: reference, found: reference)
        #expect(
            try CaseFolder(of: right, reference: reference, found: reference, model: nil) == nil)
        let (found, report) = try compare("wrong_exponent")
        #expect(throws: PortingError.self) {
            try CaseFolder(
                of: report, reference: reference, found: found, model: PortedFixture.model())
        }
        #expect(throws: PortingError.self) {
            try CaseFolder(of: report, reference: reference, found: found, model: nil)
        }
    }
}
