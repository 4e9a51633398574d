// One seeded model in every format (reference/format_fixtures.py): arguments that a
// file doesn't store are inferred, and all of these models compute the same.

import HTDemucs
import Networks
import Tensor
import TestSupport
import Testing
import WeightsLoader

struct InferenceTests {
    /// Arguments of the small models that can't be inferred from shapes and graphs.
    private static let unseen: [String: ArgumentValue] = [
        "samplerate": .integer(1600), "segment": .fraction(numerator: 1, denominator: 4),
        "t_heads": .integer(2), "norm_groups": .integer(2),
    ]

    private static func open(_ name: String) throws -> Checkpoint {
        try Checkpoint.open(Fixture.url("weights/formats/\(name)").path)
    }

    private static func configuration(
        _ name: String, overriding: [String: ArgumentValue] = [:]
    ) throws -> Configuration {
        try Configuration.read(from: open(name), overriding: overriding).configuration
    }

    @Test(arguments: ["core.onnx", "half.onnx", "whole.onnx"])
    func graphsImplyTheConfigurationButForTheRate(name: String) throws {
        var expected = try Self.configuration("model.safetensors").arguments
        // The stored embedding already includes the factor 10.
        expected.embScale = 1
        #expect(
            try Self.configuration(name, overriding: ["samplerate": .integer(1600)])
                == Configuration(expected))
    }

    @Test func assumedArgumentsAreAWarning() throws {
        func warnings(
            _ name: String, _ overriding: [String: ArgumentValue] = [:]
        ) throws -> [String] {
            try Configuration.read(from: Self.open(name), overriding: overriding).warnings
        }
        let all = "the file states no arguments of its model; assumed: "
        let sources = "sources = [\"drums\", \"bass\", \"other\", \"vocals\"], "
        #expect(
            try warnings(
                "prefixed.safetensors", ["t_heads": .integer(2), "norm_groups": .integer(2)]) == [
                    all + sources
                        + "segment = Fraction(39, 5), samplerate = 44100, freq_emb = 0.2, emb_scale = 10.0, "
                        + "t_max_period = 10000.0"
                ])
        // A graph shows more.
        #expect(
            try warnings("core.onnx") == [
                all + sources + "samplerate = 44100, t_max_period = 10000.0"
            ])
        #expect(try warnings("model.safetensors").isEmpty)
    }

    @Test func sixSourcesHaveTheirStandardNames() throws {
        var unseen = Self.unseen
        unseen["t_heads"] = nil
        unseen["norm_groups"] = nil
        let configuration = try Self.configuration("six.bin", overriding: unseen)
        #expect(
            configuration.arguments.sources == [
                "drums", "bass", "other", "vocals", "guitar", "piano",
            ])
        #expect(try configuration == Self.configuration("six.safetensors"))
    }

    @Test func sourcesCanBeNamed() throws {
        let names: [ArgumentValue] = ["a", "b", "c", "d"].map { .string($0) }
        for name in ["core.onnx", "ggml.bin", "model.th", "model.safetensors"] {
            let configuration = try Self.configuration(
                name, overriding: ["sources": .array(names), "t_heads": .integer(2)])
            #expect(configuration.arguments.sources == ["a", "b", "c", "d"], "\(name)")
        }
    }

    @Test func aFileOfSeveralModelsAsksForAChoice() throws {
        let checkpoint = try Self.open("several.safetensors")
        #expect(
            throws: WeightsError.severalModels(
                path: checkpoint.path, submodels: ["d12395a8", "f7e0c4bc"])
        ) { try Configuration.read(from: checkpoint) }
        let member = try checkpoint.submodel("f7e0c4bc")
        #expect(
            try Configuration.read(from: member, overriding: Self.unseen).configuration
                == Self.configuration("model.safetensors"))
    }

    /// Hybrid Demucs v3 as stored by its authors, and by demucs.cpp without arguments.
    @Test(arguments: ["hdemucs.th", "hdemucs.bin"])
    func thirdVersionComputesTheSameInEveryFormat(name: String) throws {
        let stored = try Self.open(name)
        let overriding: [String: ArgumentValue] =
            stored.describesModel
            ? [:]
            : [
                "sources": .array(["drums", "rest"].map(ArgumentValue.string)),
                "samplerate": .integer(1600),
                "segment": .fraction(numerator: 1, denominator: 4),
            ]
        try expectSameModel(stored, overriding, as: "hdemucs.safetensors")
    }

    @Test func demucsOnWaveformsIsReadFromItsPickle() throws {
        let model = try Self.open("demucs.th").network(backend: try Backend(threads: 1))
        #expect(model.configuration.arguments.architecture == .demucs)
        #expect(model.configuration.arguments.sources == ["drums", "rest"])
    }

    @Test(arguments: [
        "model.th", "legacy.th", "ggml.bin", "prefixed.safetensors", "core.onnx", "whole.onnx",
    ])
    func everyFormatComputesTheSame(name: String) throws {
        let stored = try Self.open(name)
        try expectSameModel(
            stored, stored.describesModel ? [:] : Self.unseen, as: "model.safetensors")
    }

    private func expectSameModel(
        _ stored: Checkpoint, _ overriding: [String: ArgumentValue], as name: String
    ) throws {
        let backend = try Backend(threads: 1)
        let expected = try Self.open(name).network(backend: backend)
        let model = try stored.network(overriding: overriding, backend: backend)
        // The embedding of a graph already includes the factor 10, which its configuration then lacks.
        #expect(
            stored.path.hasSuffix(".onnx") || model.configuration == expected.configuration)
        let mix = backend.tensor([2, 400], (0..<800).map { Float($0 * 37 % 101) / 100 - 0.5 })
        #expect(
            try model.forward(mix).floats.map(\.bitPattern)
                == expected.forward(mix).floats.map(\.bitPattern))
    }
}
