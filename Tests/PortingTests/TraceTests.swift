// Activations inside the network against those of PyTorch's hooks.

import Foundation
import Porting
import System
import Tensor
import TestSupport
import Testing
import Tracks

@Suite struct TraceTests {
    let backend: Backend
    let folder = TemporaryFolder()
    /// The activations inside `cross_first`.
    let golden: Fixture

    init() throws {
        backend = try Backend(threads: 2)
        golden = try Fixture("ports/trace")
    }

    /// Writes the engine's activations for a fixture's chunk.
    private func trace(
        _ model: String, _ fixture: Fixture, mag: String, only: String = "*"
    ) throws -> TensorCollection {
        let path = folder.path("ours.safetensors")
        let model = try PortedFixture.model(model)
        _ = try Trace(fixture, x: mag).write(
            [NamePattern(only)], of: model, on: backend, to: path,
            cancellation: CancellationToken())
        return try TensorCollection(path)
    }

    /// Writes the activations inside `cross_first` for the golden chunk.
    private func trace(only: String = "*") throws -> TensorCollection {
        try trace("cross_first", golden, mag: "mag", only: only)
    }

    private func compare(
        _ reference: TensorCollection, _ found: TensorCollection, only: [String] = ["*"],
        bound: Double
    ) throws -> ComparisonReport {
        try ComparisonReport(
            reference: reference, found: found, only: only.map(NamePattern.init),
            bound: bound)
    }

    /// PyTorch's float32 has an SNR of 121 dB or more against its float64 on each of these values.
    /// Two such results have independent errors, and some values are differences of larger ones.
    static let bound = 110.0

    @Test func everyValueIsTheReferences() throws {
        let report = try compare(
            TensorCollection(golden.checkpoint.path), trace(), bound: Self.bound)
        #expect(report.wrong.isEmpty, "\(report.wrong)")
        #expect(report.missing == [])
        #expect(report.comparisons.count == golden.names.count)
        // The stems are not a value of the core.
        #expect(report.extra == ["final"])
    }

    @Test(arguments: ["base", "context_enc_1", "kernel_4", "merge", "mono"])
    func blocksOfOtherConfigurationsAreTheReferences(_ name: String) throws {
        let golden = try Fixture("models/\(name).outputs")
        let ours = try trace(name, golden, mag: "core.x")
        // Stems are comparable only if the spectrogram is the mix's.
        let blocks = ["*coder.*", "channel_*", "crosstransformer.*"]
        let report = try compare(
            TensorCollection(golden.checkpoint.path), ours, only: name == "mono" ? ["*"] : blocks,
            bound: Self.bound)
        #expect(report.wrong.isEmpty, "\(report.wrong)")
        let compared = report.comparisons.map(\.name).filter { !report.missing.contains($0) }
        // Two encoders and decoders, at least one transformer layer in each branch.
        #expect(compared.count >= 8, "\(compared)")
    }

    private func roformerTrace(_ name: String, _ golden: Fixture) throws -> TensorCollection {
        let model = try PortedFixture.roformer(name)
        let path = folder.path("roformer.safetensors")
        _ = try Trace(golden).write(
            [NamePattern("*")], of: model, on: backend, to: path,
            cancellation: CancellationToken())
        return try TensorCollection(path)
    }

    @Test(arguments: ["bands_deep", "mel"])
    func valuesOfARoFormerAreTheReferences(_ name: String) throws {
        let golden = try Fixture("roformer/\(name).outputs")
        let report = try compare(
            TensorCollection(golden.checkpoint.path), roformerTrace(name, golden),
            bound: Self.bound)
        #expect(report.wrong.isEmpty, "\(report.wrong)")
        #expect(report.missing == [])
    }

    @Test func valuesOfARoFormerComeInTheOrderOfComputation() throws {
        let golden = try Fixture("roformer/bands_deep.outputs")
        let right = try roformerTrace("bands_deep", golden)
        let names = try compare(right, right, bound: 100).comparisons.map(\.name)
        #expect(
            names.prefix(7) + names.suffix(3) == [
                "mix", "stft_repr", "x", "band_split", "layers.0.0.layers.0.0",
                "layers.0.0.layers.0.1", "layers.0.0.layers.1.0", "final_norm",
                "mask_estimators.0", "final",
            ])
    }

    @Test func aPatternTakesWhatItMatchesAndNothingElse() throws {
        #expect(
            try trace(only: "crosstransformer.layers.?").names
                == (0...3).map { "crosstransformer.layers.\($0)" })
    }

    /// `cross_first` has four layers of two heads, and layer 0 is a cross layer.
    @Test func attentionWeightsComeOnRequestAndEveryRowSumsToOne() throws {
        let model = try PortedFixture.model("cross_first")
        let path = folder.path("weights.safetensors")
        let names = try Trace(golden, x: "mag").write(
            [NamePattern("crosstransformer.norm_in*")]
                + NamePattern.attention("layers.0:1,layers_t.1:0", of: model),
            of: model, on: backend, to: path,
            cancellation: CancellationToken())
        let heads = [
            "crosstransformer.layers.0.cross_attn.weights.1",
            "crosstransformer.layers_t.1.self_attn.weights.0",
        ]
        #expect(names == ["crosstransformer.norm_in", "crosstransformer.norm_in_t"] + heads)
        let values = try TensorCollection(path)
        let tokens = try values.tensor("crosstransformer.norm_in", like: values).shape[0]
        let tokensTime = try values.tensor("crosstransformer.norm_in_t", like: values).shape[0]
        for (name, shape) in zip(heads, [[tokens, tokensTime], [tokensTime, tokensTime]]) {
            let weights = try values.tensor(name, like: values)
            #expect(weights.shape == shape)
            for row in 0..<shape[0] {
                let sum = weights.values[row * shape[1]..<(row + 1) * shape[1]].reduce(0, +)
                #expect(abs(sum - 1) < 1e-5)
            }
        }
    }

    @Test(arguments: ["layers.4:0", "layers.0:2", "layers.0", "0:0", "", "layers.0:0,"])
    func aHeadThatTheModelDoesNotHaveIsAnErrorThatListsThem(_ text: String) throws {
        let model = try PortedFixture.model("cross_first")
        #expect {
            try NamePattern.attention(text, of: model)
        } throws: { error in
            "\(error)".contains("layers_t.3 and a head of 0 to 1")
        }
    }

    @Test func aPatternThatMatchesNothingIsAnErrorThatGivesNames() throws {
        #expect {
            _ = try trace(only: "layer.0")
        } throws: { error in
            "\(error)".contains("layer.0") && "\(error)".contains("tencoder.0.conv")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("ours.safetensors")))
    }

    @Test func valuesOfAnyFileComeInTheOrderOfComputation() {
        let order = [
            "mix", "mag", "x", "xt", "tencoder.0.conv", "tencoder.0.dconv.layers.0",
            "tencoder.0.dconv.layers.1", "tencoder.0.dconv", "tencoder.0.rewrite", "tencoder.0",
            "encoder.0.conv", "encoder.0", "encoder.0.embedded", "tencoder.1", "encoder.1",
            "channel_upsampler", "channel_upsampler_t", "crosstransformer.pos_emb_2d",
            "crosstransformer.norm_in", "crosstransformer.pos_emb", "crosstransformer.norm_in_t",
            "crosstransformer.layers.0.self_attn", "crosstransformer.layers.0",
            "crosstransformer.layers_t.0", "crosstransformer.layers.1",
            "crosstransformer.layers.10", "channel_downsampler", "channel_downsampler_t",
            "decoder.0.rewrite", "decoder.0.dconv", "decoder.0.conv_tr", "decoder.0",
            "tdecoder.0", "decoder.1", "output", "add_67", "final", "block2", "block10",
        ]
        let sorted = order.sorted().sorted { ComputationOrder($0) < ComputationOrder($1) }
        #expect(sorted == order)
        let chunks = ["chunk-00002/output", "chunk-00002/add_67", "chunk-00010/input"]
        #expect(chunks.reversed().sorted { ComputationOrder($0) < ComputationOrder($1) } == chunks)
    }

    @Test func patternsMatchStarsAndQuestionMarks() {
        for (pattern, name, matches) in [
            ("*", "", true), ("*", "a.b", true), ("encoder.?", "encoder.3", true),
            ("encoder.?", "encoder.3.conv", false), ("encoder.*", "tencoder.3", false),
            ("*encoder.*", "tencoder.3.conv", true), ("*.conv", "a.conv.conv", true),
            ("a*b*c", "a1b2b3c", true), ("a*b*c", "a1c2b", false), ("", "a", false),
        ] {
            #expect(NamePattern(pattern).matches(name) == matches, "\(pattern) \(name)")
        }
    }
}
