import Demucs
import Foundation
import Networks
import Porting
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// Which values of a port `compare` calls wrong, judged by the engine from the port's own inputs.
@Suite struct LayerJudgeTests {
    private let folder = TemporaryFolder()
    private let backend: Backend

    init() throws { backend = try Backend(threads: 2) }

    /// The trace of a model for noise, with edits: each changes one value, and all that follow are
    /// computed from the changed one, as in a port.
    private func trace(
        _ model: OpenedModel, _ edits: [String] = [], _ file: String = "port.safetensors",
        on other: Backend? = nil, mix given: [Float]? = nil
    ) throws -> TensorCollection {
        var random = SplitMix64(seed: 3)
        let rules = model.configurations[0].trackRules
        let (channels, samples) = (
            rules.audioChannels, given?.count ?? min(rules.segmentSamples, 1_400)
        )
        let mix = given ?? (0..<channels * samples).map { _ in random.float() }
        var trace = Trace(
            input: NamedTensor("mix", [1, channels, samples], mix), x: nil, origin: "noise")
        trace.edits = try edits.map { try Edit($0) }
        let path = folder.path(file)
        _ = try trace.write(
            [NamePattern("*")], of: model, on: other ?? backend, to: path,
            cancellation: CancellationToken())
        return try TensorCollection(path)
    }

    /// A `.npy` file, also of values that aren't finite.
    private static func bytes(_ tensor: NamedTensor) -> Data {
        let header = TensorEncoding(.npy, .float32).header(tensor.name, tensor.shape)
        return Data(header + tensor.values.withUnsafeBytes { Array($0) })
    }

    /// The values as a folder of arrays, each changed by `change`; nil leaves it out.
    private func port(
        _ values: TensorCollection, _ change: (NamedTensor) -> NamedTensor?
    ) throws -> TensorCollection {
        let path = folder.path("folder")
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for name in values.names {
            guard let tensor = try change(values.tensor(name, like: values)) else { continue }
            let file = URL(fileURLWithPath: "\(path)/\(tensor.name).npy")
            try Self.bytes(tensor).write(to: file)
        }
        return try TensorCollection(path)
    }

    private func report(
        _ model: OpenedModel, _ ours: TensorCollection, _ port: TensorCollection,
        only: String = "*", bound: Double? = nil, like: TensorCollection? = nil,
        precision: Precision = .float32
    ) throws -> ComparisonReport {
        try ComparisonReport(
            reference: ours, found: port, only: [NamePattern(only)], bound: bound, like: like,
            judge: LayerJudge(
                model, threads: 2, precision: precision, cancellation: CancellationToken()))
    }

    private func wrong(
        _ model: OpenedModel, _ ours: TensorCollection, _ port: TensorCollection
    ) throws -> [String] {
        try report(model, ours, port).wrong.map(\.name)
    }

    /// A model of each family.
    static let models = [
        "models/cross_first", "models/six_sources", "models/merge", "models/mono",
        "models/hybrid", "models/waveform", "roformer/bands_deep", "roformer/mel",
    ]

    private func model(_ name: String) throws -> OpenedModel {
        try OpenedModel(
            porting: .init(checkpoint: Fixture.url("\(name).safetensors").path), needsCore: false)
    }

    /// Each value of a port is changed alone: a thousandth louder, which is 60 dB.
    @Test(arguments: models)
    func anyWrongValueIsNamedAlone(_ name: String) throws {
        let model = try model(name)
        let ours = try trace(model, [], "ours.safetensors")
        #expect(try wrong(model, ours, ours) == [])
        for value in ours.names where value != "mix" {
            let found = try wrong(model, ours, trace(model, ["\(value)=scale:1.001"]))
            #expect(found == [value], "\(value): \(found)")
        }
    }

    @Test func everyWrongValueOfAPortIsNamedInTheOrderOfComputation() throws {
        let model = try model("models/cross_first")
        let edits = ["encoder.0.conv=scale:0.5", "tencoder.0=scale:2", "decoder.0=scale:1.01"]
        let found = try wrong(model, trace(model, [], "ours.safetensors"), trace(model, edits))
        #expect(found == ["tencoder.0", "encoder.0.conv", "decoder.0"])
    }

    /// The faults of port_fixtures.py, and the first block that each changes.
    static let faults = [
        ("tanh_gelu_encoder", "encoder.1"),
        ("tanh_gelu_transformer", "crosstransformer.layers_t.1"),
        ("layer_norm_out_cross", "crosstransformer.layers.0"),
        ("layer_norm_out_self", "crosstransformer.layers_t.3"),
        ("symmetric_padding_first", "tencoder.0"),
        ("symmetric_padding_second", "tencoder.1"),
        ("biased_std_spectrogram", "x"),
        ("biased_std_waveform", "xt"),
        ("swapped_halves", "crosstransformer.pos_emb_2d"),
        ("wrong_exponent", "crosstransformer.pos_emb"),
        ("rows_together", "encoder.0"),
        ("unscaled_embedding", "encoder.0.embedded"),
        ("crop_from_start", "tdecoder.0"),
        ("updated_tokens", "crosstransformer.layers_t.2"),
    ]

    /// PyTorch's values of all and of single blocks, and those of ports with a fault.
    @Test func portsInPyTorchAreJudgedByTheirFault() throws {
        let model = try model("models/cross_first")
        let golden = try TensorCollection(Fixture.url("ports/trace.safetensors").path)
        #expect(try wrong(model, golden, golden) == [])
        for (fault, block) in Self.faults {
            let port = try TensorCollection(Fixture.url("ports/\(fault).safetensors").path)
            let found = try report(model, golden, port)
            #expect(found.wrong.map(\.name) == [block], "\(fault)")
        }
    }

    @Test(arguments: [
        ("*coder.?", ["tencoder.0", "output"]), ("output", ["output"]),
        ("crosstransformer.layers*", []),
    ])
    func valuesThatAPortLeavesOutAreSteppedOver(_ only: String, _ expected: [String]) throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        let pattern = NamePattern(only)
        func some(_ values: TensorCollection) throws -> TensorCollection {
            try port(values) { pattern.matches($0.name) || $0.name == "output" ? $0 : nil }
        }
        #expect(try wrong(model, ours, some(ours)) == [])
        let edited = try trace(
            model,
            ["output=scale:1.01"] + (expected.count > 1 ? ["tencoder.0.dconv=scale:1.01"] : []))
        #expect(try wrong(model, ours, some(edited)) == (expected.isEmpty ? ["output"] : expected))
    }

    @Test func aPortInAnotherPrecisionIsJudgedByThatPrecision() throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        let coarse = try Backend(threads: 2, precision: .bfloat16)
        let like = try trace(model, [], "like.safetensors", on: coarse)
        let right = try report(model, ours, like, precision: .bfloat16)
        #expect(right.wrong.isEmpty, "\(right.wrong)")
        #expect(try report(model, ours, like, like: like).wrong.isEmpty)
        #expect(!(try report(model, ours, like).wrong.isEmpty))
        let edits = ["decoder.0=scale:1.2"]
        let port = try trace(model, edits, "port.safetensors", on: coarse)
        #expect(try report(model, ours, port, like: like).wrong.map(\.name) == ["decoder.0"])
        #expect(
            try report(model, ours, port, precision: .bfloat16).wrong.map(\.name) == ["decoder.0"])
        #expect(try report(model, ours, port, bound: 10).wrong.isEmpty)
    }

    /// The nearest number, ties to even.
    private static func bfloat16(_ value: Float) -> Float {
        let bits = value.bitPattern
        return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    /// A layer that computes in half precision may be as far off as its type allows.
    @Test(arguments: [("float16", 55.0), ("bfloat16", 35)])
    func halfPrecisionHasABound(_ type: String, _ decibels: Double) throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        func half(_ value: Float) -> Float {
            type == "float16" ? Float(Float16(value)) : Self.bfloat16(value)
        }
        for (noise, expected) in [(decibels + 2, []), (decibels - 2, ["encoder.0.conv"])] {
            let louder = 1 + Float(pow(10, -noise / 20))
            let port = try trace(model, ["encoder.0.conv=scale:\(louder)"])
            let rounded = try self.port(port) { tensor in
                var tensor = tensor
                if tensor.name != "mix" { tensor.values = tensor.values.map(half) }
                return tensor
            }
            #expect(try wrong(model, ours, rounded) == expected, "\(noise) dB")
        }
    }

    /// A port in bfloat16 whose values are NaN from the second encoder on.
    @Test func halfPrecisionIsSeenBesideBrokenValues() throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        let names = ours.names.filter { $0.hasPrefix("encoder.0") }
        let found = try port(ours) { tensor in
            var tensor = tensor
            if tensor.name != "mix" {
                tensor.values = tensor.values.map {
                    names.contains(tensor.name) ? Self.bfloat16($0) : .nan
                }
            }
            return tensor
        }
        let wrong = Set(try report(model, ours, found).wrong.map(\.name))
        #expect(!names.isEmpty && wrong.isDisjoint(with: names) && !wrong.isEmpty, "\(wrong)")
    }

    /// The mix has only frequencies of the first bands: rounding errors are as loud in the other ones,
    /// after their norm.
    @Test func bandsAreJudgedOneByOneWithoutTheirInput() throws {
        let model = try model("roformer/bands_deep")
        let mix = (0..<1_400).map { sample -> Float in
            let turn = 2 * Float.pi * Float(sample % 64) / 64
            return (1...7).reduce(Float(0)) { $0 + sin(turn * Float($1) + Float($1 * $1)) / 8 }
        }
        let ours = try trace(model, [], "ours.safetensors", mix: mix)
        func onlyBands(
            _ values: TensorCollection, _ change: (inout [Float]) -> Void = { _ in }
        ) throws -> ComparisonReport {
            try report(
                model, ours,
                port(values) { tensor in
                    guard ["mix", "band_split"].contains(tensor.name) else { return nil }
                    var tensor = tensor
                    if tensor.name == "band_split" { change(&tensor.values) }
                    return tensor
                })
        }
        let right = try onlyBands(ours)
        #expect(right.wrong.isEmpty)
        #expect(right.unjudged.map(\.name) == ["band_split"])
        #expect(right.unjudged[0].unjudged == ", 2 of 4 slices along axis 1: give x")
        // Channels of two bands are exchanged, or one band is a thousandth louder.
        let changes: [(inout [Float], Int) -> Void] = [
            { $0.swapAt($1, $1 + 16) }, { $0[$1] *= 1.001 },
        ]
        for change in changes {
            let changed = try onlyBands(ours) { values in
                for token in stride(from: 0, to: values.count, by: 64) {
                    for channel in token..<token + 16 { change(&values, channel) }
                }
            }
            #expect(changed.wrong.map(\.name) == ["band_split"] && changed.unjudged.isEmpty)
        }
        let biases = try trace(model, ["band_split.to_features.*.1.bias=zero"], mix: mix)
        #expect(try onlyBands(biases).wrong.map(\.name) == ["band_split"])
        // With its input the value is judged whole.
        let whole = try port(ours) { ["mix", "x", "band_split"].contains($0.name) ? $0 : nil }
        #expect(try report(model, ours, whole).unjudged.isEmpty)
    }

    @Test(arguments: [[2, 0, 1], [1, 0, 2], [2, 1, 0]])
    func axesInAnotherOrderAreComparedInOurs(_ axes: [Int]) throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        func reordered(_ tensor: NamedTensor) -> NamedTensor? {
            guard tensor.shape.count == 3, Set(tensor.shape).count == 3 else { return tensor }
            return NamedTensor(
                tensor.name, tensor.shape, tensor.values, permuted: axes)
        }
        let found = try report(model, ours, port(ours, reordered))
        #expect(found.wrong.isEmpty && found.compared.contains(where: \.isReordered))
        let louder = try trace(model, ["encoder.1.conv=scale:1.001"])
        #expect(try wrong(model, ours, port(louder, reordered)) == ["encoder.1.conv"])
        let cut = try port(ours) {
            $0.name == "encoder.1.conv" ? NamedTensor($0.name, [3], [1, 2, 3]) : $0
        }
        #expect(try wrong(model, ours, cut) == ["encoder.1.conv"])
    }

    @Test func tokensInAnotherOrderAreNoMistakeIfTheyAreReadInIt() throws {
        let model = try model("models/bottom_narrow")
        let ours = try trace(model, [], "ours.safetensors")
        let shape = try ours.tensor("encoder.1", like: ours).shape
        let (rows, frames) = (shape[1], shape[2])
        var names: [String] = []
        let port = try port(ours) { tensor in
            let isToken =
                tensor.name.hasPrefix("crosstransformer") && tensor.shape[0] == rows * frames
            guard isToken else { return tensor }
            names.append(tensor.name)
            let split = NamedTensor(
                tensor.name, [frames, rows, tensor.shape[1]], tensor.values, permuted: [1, 0, 2])
            return NamedTensor(tensor.name, tensor.shape, split.values)
        }
        let found = try report(model, ours, port)
        #expect(found.wrong.isEmpty)
        #expect(found.compared.filter(\.isReordered).map(\.name).sorted() == names.sorted())
        #expect(names.contains("crosstransformer.norm_in"))
    }

    /// What follows from NaN or infinity is not wrong, and another one elsewhere is.
    @Test func valuesThatAreNotFiniteAreNamedWhereTheyBegin() throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        for (value, remark) in [
            (Float.nan, "has 1 NaN, the first at [0, 0, 2]"),
            (-.infinity, "is infinite: float16 ends at 65,504; the first at [0, 0, 2]"),
        ] {
            let broken = try port(ours) {
                var tensor = $0
                if ["encoder.0", "tencoder.1"].contains(tensor.name) { tensor.values[2] = value }
                // As a port that goes on with it.
                if tensor.name.hasPrefix("encoder.1") || tensor.name.hasPrefix("encoder.0.emb") {
                    tensor.values = tensor.values.map { _ in value }
                }
                return tensor
            }
            let wrong = try report(model, ours, broken).wrong
            let names = wrong.map(\.name)
            #expect(names.contains("encoder.0") && names.contains("tencoder.1"))
            #expect(wrong.first { $0.name == "encoder.0" }?.remark == remark)
        }
        // NaN in every value in turn ends in a report.
        for name in ours.names {
            let broken = try port(ours) {
                var tensor = $0
                if tensor.name == name { tensor.values = tensor.values.map { _ in .nan } }
                return tensor
            }
            #expect(try report(model, ours, broken).wrong.contains { $0.name == name })
        }
    }

    /// PyTorch leaves up to 0.023 of a constant waveform, whose mean it rounds.
    @Test(arguments: ["mix=set:0.9", "mix=set:-0.9"])
    func whatRoundingLeavesOfAConstantInputIsNoFault(_ mix: String) throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [mix], "ours.safetensors")
        #expect(try wrong(model, ours, trace(model, [mix, "xt=set:0.02"])) == [])
        #expect(try wrong(model, ours, trace(model, [mix, "xt=set:0.5"])) == ["xt"])
    }

    @Test func anInputInHalfPrecisionIsNoFault() throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        let rounded = try port(ours) {
            $0.name == "mix"
                ? NamedTensor($0.name, $0.shape, $0.values.map { Float(Float16($0)) }) : nil
        }
        let found = try report(model, ours, rounded)
        #expect(found.wrong.isEmpty && found.comparisons[0].isRounded)
        #expect(found.comparisons[0].remark == "is ours rounded to float16")
        let louder = try port(ours) {
            $0.name == "mix" ? NamedTensor($0.name, $0.shape, $0.values.map { $0 * 1.1 }) : nil
        }
        #expect(try wrong(model, ours, louder) == ["mix"])
    }

    @Test(arguments: ["net.core.", ""])
    func namesInAnotherSpellingAreMatched(_ prefix: String) throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        let port = try port(trace(model, ["encoder.0.conv=scale:2"])) {
            NamedTensor(prefix + $0.name.replacing(".", with: "_"), $0.shape, $0.values)
        }
        let found = try report(model, ours, port)
        #expect(found.wrong.map(\.name) == ["encoder.0.conv"])
        #expect(found.missing == [] && found.extra == [] && !found.renamed.isEmpty)
    }

    /// Names that no network has, in both files, are compared and end.
    @Test func strangeNamesAreThoseOfNoNetwork() throws {
        let model = try model("models/cross_first")
        let names = [
            "encoder.-1", "encoder.9223372036854775807", "decoder.-9223372036854775808",
            "encoder.0.dconv.layers.300000000", "crosstransformer.layers_t.4096.x", "encoder.٣",
            "layers.0.0.layers.-3.0", "mask_estimators.3000000000", "encoder.", "x\u{1b}]0;a\u{7}",
        ]
        let ours = try trace(model, [], "ours.safetensors")
        let both = try port(ours) { $0 }
        for name in names {
            try Self.bytes(NamedTensor(name, [2, 3], [1, 2, 3, 4, 5, 6])).write(
                to: URL(fileURLWithPath: "\(both.path)/\(name).npy"))
        }
        let collection = try TensorCollection(both.path)
        #expect(try report(model, collection, collection).wrong.isEmpty)
    }

    @Test func aTraceWithoutTheMixIsRefused() throws {
        let model = try model("models/cross_first")
        let ours = try trace(model, [], "ours.safetensors")
        let part = try port(ours) { $0.name == "encoder.0" ? $0 : nil }
        #expect(throws: PortingError.self) { _ = try report(model, part, part) }
    }
}
