// One seeded model in every format (reference/format_fixtures.py). Its weights are
// float16 values, which all types represent exactly.

import Foundation
import TestSupport
import Testing
import WeightsLoader

struct FormatTests {
    private static let embedding = "freq_emb.embedding.weight"

    static func open(_ name: String) throws -> Checkpoint {
        try Checkpoint.open(Fixture.url("weights/formats/\(name)").path)
    }

    /// Expects every tensor of `name` to have the reference's name, shape and bits.
    private static func expectEqual(
        _ checkpoint: Checkpoint, to reference: Checkpoint, ignoring ignored: Set<String> = []
    ) throws {
        #expect(Set(checkpoint.tensors.map(\.name)) == Set(reference.tensors.map(\.name)))
        #expect(checkpoint.tensors.count == reference.tensors.count)
        for expected in reference.tensors {
            let tensor = try #require(
                checkpoint.tensor(named: expected.name), "\(expected.name) is missing")
            let shape =
                checkpoint.omitsUnitSizes ? expected.shape.filter { $0 != 1 } : expected.shape
            #expect(tensor.shape == shape, "\(expected.name)")
            guard !ignored.contains(expected.name) else { continue }
            let found = try checkpoint.floats(tensor)
            let values = try reference.floats(expected)
            #expect(found.map(\.bitPattern) == values.map(\.bitPattern), "\(expected.name)")
        }
    }

    @Test(arguments: [
        ("model.th", CheckpointFormat.torch), ("legacy.th", .torchLegacy), ("ggml.bin", .ggml),
        ("prefixed.safetensors", .safetensors),
    ])
    func everyFormatHoldsTheSameTensors(name: String, format: CheckpointFormat) throws {
        let checkpoint = try Self.open(name)
        #expect(checkpoint.format == format)
        try Self.expectEqual(checkpoint, to: Self.open("model.safetensors"))
    }

    @Test(arguments: ["core.onnx", "whole.onnx", "half.onnx"])
    func exportedGraphsHoldTheSameTensors(name: String) throws {
        let checkpoint = try Self.open(name)
        let reference = try Self.open("model.safetensors")
        #expect(checkpoint.format == .onnx)
        try Self.expectEqual(checkpoint, to: reference, ignoring: [Self.embedding])
        // The embedding is a product with emb_scale = 10, which float16 graphs round.
        let stored = try #require(reference.tensor(named: Self.embedding))
        let products = try reference.floats(stored).map { $0 * 10 }
        let tensor = try #require(checkpoint.tensor(named: Self.embedding))
        let found = try checkpoint.floats(tensor)
        if name == "half.onnx" {
            // Tolerance of rounding to 11 bits.
            #expect(zip(found, products).allSatisfy { abs($0 - $1) <= abs($1) * 0x1p-11 })
        } else {
            #expect(found == products)
        }
    }

    @Test func theFormatIsDetectedByTheContentNotTheName() throws {
        for name in ["model.th", "legacy.th", "ggml.bin", "core.onnx", "model.safetensors"] {
            let bytes = [UInt8](try Data(contentsOf: Fixture.url("weights/formats/\(name)")))
            let file = try CraftedFile(bytes, name: "misleading.safetensors")
            #expect(try file.open().tensors == Self.open(name).tensors, "\(name)")
        }
    }

    @Test func aModelOfSixSourcesKeepsItsTensors() throws {
        try Self.expectEqual(Self.open("six.bin"), to: Self.open("six.safetensors"))
    }

    @Test func severalModelsInOneFileAreSubmodels() throws {
        let checkpoint = try Self.open("several.safetensors")
        #expect(checkpoint.submodels == ["d12395a8", "f7e0c4bc"])
        try Self.expectEqual(checkpoint.submodel("f7e0c4bc"), to: Self.open("model.safetensors"))
        let other = try checkpoint.submodel("d12395a8")
        #expect(other.tensors.count * 2 == checkpoint.tensors.count)
        #expect(
            throws: WeightsError.submodelMissing(
                path: checkpoint.path, name: "955717e8", submodels: checkpoint.submodels)
        ) { try checkpoint.submodel("955717e8") }
        #expect(try Self.open("prefixed.safetensors").submodels.isEmpty)
    }

    // MARK: - Arguments

    @Test(arguments: ["model.th", "legacy.th"])
    func argumentsComeOutOfThePickle(name: String) throws {
        let className = "demucs.htdemucs.HTDemucs"
        #expect(
            try Self.open(name).modelArguments(ofClasses: [className])
                == Self.open("model.safetensors").modelArguments(ofClasses: [className]))
    }

    @Test func pickledArgumentsKeepPythonsTypes() throws {
        let arguments = try Self.open("views.th").modelArguments(
            ofClasses: ["demucs.htdemucs.HTDemucs"])
        #expect(arguments.positional == [.array([.string("a"), .string("b")])])
        #expect(
            arguments.keyword == [
                "segment": .fraction(numerator: 39, denominator: 5), "growth": .integer(2),
                "freq_emb": .null, "cac": .bool(true),
            ])
        #expect(
            throws: WeightsError.otherModel(
                path: Fixture.url("weights/formats/views.th").path,
                found: "demucs.htdemucs.HTDemucs", expected: ["demucs.hdemucs.HDemucs"])
        ) {
            try Self.open("views.th").modelArguments(ofClasses: ["demucs.hdemucs.HDemucs"])
        }
    }

    @Test func onlyFilesWithoutArgumentsAreSilent() throws {
        #expect(try Self.open("model.th").describesModel)
        #expect(try Self.open("model.safetensors").describesModel)
        for name in ["ggml.bin", "core.onnx", "prefixed.safetensors"] {
            #expect(try !Self.open(name).describesModel, "\(name)")
        }
    }

    // MARK: - PyTorch's tensors

    @Test(arguments: ["views.th", "views_legacy.th"])
    func viewsComeOutAsPyTorchSeesThem(name: String) throws {
        let checkpoint = try Self.open(name)
        let expected = try Self.open("views.safetensors")
        #expect(checkpoint.tensors.count == expected.tensors.count)
        for tensor in expected.tensors {
            let view = try #require(checkpoint.tensor(named: tensor.name))
            #expect(view.shape == tensor.shape && view.elementType == tensor.elementType)
            #expect(
                try checkpoint.read(view) { Array($0) }
                    == expected.read(tensor) { Array($0) }, "\(tensor.name)")
        }
    }

    // MARK: - ONNX

    @Test func graphsShowHeadsSegmentAndFactors() throws {
        for name in ["core.onnx", "whole.onnx", "half.onnx"] {
            let traits = try Self.open(name).traits
            #expect(
                traits.arguments == [
                    "t_heads": .integer(2), "norm_groups": .integer(2),
                    "emb_scale": .integer(1), "freq_emb": .number(0.2),
                ], "\(name)")
            #expect(traits.segmentSamples == 400)
            #expect(traits.hasDilatedDConv == true)
            #expect(traits.frequencies == (name == "whole.onnx" ? nil : 64))
        }
    }

    /// What a graph shows after bytes of it are replaced wherever they stand.
    private static func traits(_ changes: [(old: Data, new: Data)]) throws -> ModelTraits {
        var graph = try Data(contentsOf: Fixture.url("weights/formats/core.onnx"))
        for (old, new) in changes {
            while let place = graph.range(of: old) { graph.replaceSubrange(place, with: new) }
        }
        return try CraftedFile([UInt8](graph)).open().traits
    }

    /// A dimension with a name, or with an empty one, in the place of a size.
    @Test func dynamicSizesAreUnknown() throws {
        let dynamic = try Self.traits([
            (Data([0x0A, 3, 0x08, 0x90, 3]), Data([0x0A, 3, 0x12, 1, 0x73])),
            (Data([0x0A, 2, 0x08, 64]), Data([0x0A, 2, 0x12, 0])),
        ])
        #expect(dynamic.segmentSamples == nil && dynamic.frequencies == nil)
    }

    @Test func aGraphWithoutDilationsShowsThat() throws {
        // The attribute's name, the tag of an integer of its list, the integer.
        let dilations = [(Data("dilations@\u{02}".utf8), Data("dilations@\u{01}".utf8))]
        #expect(try Self.traits(dilations).hasDilatedDConv == false)
    }

    /// One head of 12 channels in the place of two of 6, for 25 and 52 tokens.
    @Test func aGraphWithOneHeadShowsThat() throws {
        func sizes(_ sizes: Int64...) -> Data {
            sizes.reduce(into: Data()) { data, size in
                withUnsafeBytes(of: size.littleEndian) { data.append(contentsOf: $0) }
            }
        }
        let heads = [
            (sizes(2, 6), sizes(1, 12)), (sizes(2, 25, 6), sizes(1, 25, 12)),
            (sizes(2, 52, 6), sizes(1, 52, 12)),
        ]
        #expect(try Self.traits(heads).arguments["t_heads"] == .integer(1))
    }

    @Test func valuesInTheOtherFieldsOfAnInitialiserAreRead() throws {
        let checkpoint = try Self.open("odd.onnx")
        func floats(_ name: String) throws -> [Float] {
            try checkpoint.floats(#require(checkpoint.tensor(named: name)))
        }
        #expect(try floats("encoder.0.conv.weight") == [0.5, -1.5, 2, 65504])
        // 6e-8 becomes the smallest float16.
        #expect(try floats("encoder.0.conv.bias") == [1, -2, 0x1p-24])
        #expect(try floats("tencoder.0.conv.bias") == [1, -2, 0x1p-24])
        let linear = "crosstransformer.layers.0.linear1.weight"
        #expect(checkpoint.tensor(named: linear)?.shape == [3, 2])
        #expect(try floats(linear) == [0, 3, 1, 4, 2, 5])
    }

    // MARK: - Refused

    @Test(arguments: [
        ("diffq.th", "diffq"), ("torch_quantized.th", "quantized by torch"),
        ("quantized.onnx", "MatMulInteger"),
    ])
    func quantizedFilesAreRefusedWithTheReason(name: String, reason: String) throws {
        let error = try #require(throws: WeightsError.self) { try Self.open(name) }
        #expect(error.description.contains(reason))
        #expect(error.description.contains("plain float weights"))
    }
}
