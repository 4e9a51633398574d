// Checkpoints as they are published, written by PyTorch, with YAML files written by PyYAML; and
// configurations that are refused.

import Foundation
import ModelZoo
import Networks
import RoFormer
import System
import Tensor
import TestSupport
import Testing
import Tracks
import WeightsLoader

@Suite struct RoFormerFileTests {
    private func path(_ name: String) -> String {
        Fixture.url("roformer_files/\(name).ckpt").path
    }

    private func sections(_ name: String) throws -> [String: ArgumentValue] {
        let path = path(name)
        let checkpoint = try Checkpoint.open(path)
        let file = try ModelFiles(checkpoint: path).configuration(of: checkpoint)
        return try #require(file).sections
    }

    @Test func theYAMLFileBesideACheckpointDescribesIt() throws {
        let target = try RoFormerConfiguration(.bandSplit, sections("target"))
        #expect(target.sources == ["vocals", "other"] && target.stems == 1 && target.hasResidual)
        #expect(target.layout == BandLayout(widths: [4, 8, 21]))
        #expect(target.chunks.chunkSamples == 640 && target.chunks.overlapCount == 2)
        let rotated = try sections("target").setting(["use_pope": .bool(false)], in: "model")
        #expect(try RoFormerConfiguration(.bandSplit, rotated) == target)
        let two = try RoFormerConfiguration(.bandSplit, sections("two_stems"))
        #expect(two.sources == ["stem1", "stem2"] && two.stems == 2 && !two.hasResidual)
        let mel = try RoFormerConfiguration(.melBand, sections("mel_target"))
        #expect(mel.sources == ["dry", "other"] && mel.audioChannels == 1)
    }

    /// State dicts alone, under `state_dict` and under `model`.
    @Test(arguments: ["target", "two_stems", "mel_target"])
    func everyTensorOfAPublishedFormIsRead(_ name: String) throws {
        let checkpoint = try Checkpoint.open(path(name))
        #expect(checkpoint.format == .torch && !checkpoint.describesModel)
        let kind = try #require(RoFormerConfiguration.Kind(of: checkpoint))
        #expect((kind == .melBand) == name.hasPrefix("mel"))
        let network = try RoFormerConfiguration(kind, sections(name)).network(
            checkpoint.parameters(), on: Backend(threads: 1))
        #expect(network.parameterCount == checkpoint.tensors.reduce(0) { $0 + $1.count })
    }

    /// Lightning puts a prefix before all names.
    @Test func aPrefixOfAllTensorsIsRemoved() throws {
        let whole = try Checkpoint.open(path("target"))
        var raw = try RawCheckpoint(whole)
        for index in raw.tensors.indices {
            raw.tensors[index].name = "model." + raw.tensors[index].name
        }
        let checkpoint = try raw.open()
        #expect(RoFormerConfiguration.Kind(of: checkpoint) == .bandSplit)
        #expect(Set(checkpoint.tensors.map(\.name)) == Set(whole.tensors.map(\.name)))
    }

    /// A YAML file needs only what shapes don't show.
    @Test(arguments: ["target", "two_stems", "mel_target"])
    func shapesShowTheRest(_ name: String) throws {
        let checkpoint = try Checkpoint.open(path(name))
        let kind = try #require(RoFormerConfiguration.Kind(of: checkpoint))
        let full = try sections(name)
        var few = full
        guard case .object(let model) = full["model"] else { throw CancellationError() }
        var kept = ["stft_hop_length": model["stft_hop_length"]]
        // No usual length of a frame has the bands of so small a mel filter bank.
        if kind == .melBand {
            for key in ["stft_n_fft", "stft_win_length"] { kept[key] = model[key] }
        }
        few["model"] = .object(kept.compactMapValues(\.self))
        let completed = kind.completed(few, from: checkpoint)
        #expect(
            try RoFormerConfiguration(kind, completed) == RoFormerConfiguration(kind, full))
        // Given arguments stay, and are checked against the shapes when the weights are read.
        few["model"] = .object(["dim": .integer(4), "stft_hop_length": .integer(16)])
        guard case .object(let given) = kind.completed(few, from: checkpoint)["model"] else {
            throw CancellationError()
        }
        #expect(given["dim"] == .integer(4) && given["heads"] == .integer(1))
    }

    /// audio-separator's MelBandRoformer ignores the argument, so that a file may contradict it.
    @Test func theShapesDecideHowWideMasksOfMelBandsAre() throws {
        let checkpoint = try Checkpoint.open(path("mel_target"))
        let sections = try sections("mel_target").setting(
            ["mlp_expansion_factor": .integer(1)], in: "model")
        let completed = RoFormerConfiguration.Kind.melBand.completed(sections, from: checkpoint)
        let configuration = try RoFormerConfiguration(.melBand, completed)
        #expect(configuration.maskChannels == 4 * configuration.channels)
        _ = try configuration.network(checkpoint.parameters(), on: Backend(threads: 1))
    }

    /// With 16 heads of 1,024 channels, a frame has 49,152 queries, keys and values. The largest
    /// activation has those of 43,690 frames, 16 samples apart.
    @Test func chunksBeyondAnyMemoryAreRefused() throws {
        let wide = try sections("target").setting(
            ["heads": .integer(16), "dim_head": .integer(1_024)], in: "model")
        func check(_ samples: Int) throws {
            _ = try RoFormerConfiguration(
                .bandSplit, wide.setting(["chunk_size": .integer(samples)], in: "audio"))
        }
        try check(699_039)
        let error = #expect(throws: ConfigurationError.self) { try check(699_040) }
        let text = try #require(error).description
        #expect(text.contains("chunk_size = 699040"), "\(text)")
    }

    @Test func tooManyChannelsOfHeadsAreRefused() throws {
        let wide = try sections("target").setting(
            ["heads": .integer(17), "dim_head": .integer(1_024)], in: "model")
        #expect(
            throws: ConfigurationError.invalid(
                key: "model.dim_head", found: "1024",
                allowed: "it has to be at most 963: 17 heads may have 16384 channels together")
        ) { try RoFormerConfiguration(.bandSplit, wide) }
    }

    /// The options may set chunks of any length that a file may.
    @Test func segmentsBeyondAnyMemoryAreRefused() throws {
        let kim = try RoFormerConfiguration.Published.kim.configuration()
        let rate = kim.sampleRateHz
        let longest = Double(kim.longestChunkSamples) / Double(rate)
        func plan(_ seconds: Double) throws -> SegmentPlan {
            try SegmentPlan(
                kim.trackRules, options: SeparationOptions(segmentSeconds: seconds),
                trackSamples: 3600 * rate)
        }
        #expect(try plan(60).segmentSamples == 60 * rate)
        let error = #expect(throws: SeparationError.self) { try plan(3600) }
        guard case .invalidOption("segment", "3600.0", let allowed) = error else {
            throw UnexpectedError(error)
        }
        #expect(allowed.contains("at most \(longest) seconds"), "\(allowed)")
    }

    /// The bands of Kim's and of viperx' models: 60 bands of Slaney's mels, 62 that follow one another.
    @Test func publishedSizesAreUnique() throws {
        let mel = try #require(BandLayout(melBands: 60, nfft: 2048, sampleRateHz: 44_100))
        func model(
            _ kind: RoFormerConfiguration.Kind, widths: [Int]
        ) throws -> [String: ArgumentValue] {
            let tensors = widths.enumerated().map { index, width in
                RawCheckpoint.Tensor(
                    name: "band_split.to_features.\(index).0.gamma", shape: [4 * width],
                    floats: [Float](repeating: 1, count: 4 * width))
            }
            let folder = TemporaryFolder()
            let path = try folder.write(
                try RawCheckpoint(metadata: [:], tensors: tensors).data, "bands.safetensors")
            let completed = kind.completed([:], from: try Checkpoint.open(path))
            guard case .object(let model) = completed["model"] else { throw CancellationError() }
            return model
        }
        let found = try model(.melBand, widths: mel.bands.map(\.count))
        #expect(found["num_bands"] == .integer(60) && found["stereo"] == .bool(true))
        #expect(found["stft_n_fft"] == .integer(2048))
        #expect(found["sample_rate"] == .integer(44_100))
        let widths = [2, 2, 4, 513, 504]
        let split = try model(.bandSplit, widths: widths)
        #expect(split["freqs_per_bands"] == .array(widths.map { .integer($0) }))
        #expect(split["stereo"] == .bool(true) && split["stft_n_fft"] == .integer(2048))
    }

    @Test func theResidualIsTheMixtureMinusTheStem() throws {
        let backend = try Backend(threads: 2)
        let checkpoint = try Checkpoint.open(path("target"))
        let network = try RoFormerConfiguration(.bandSplit, sections("target")).network(
            checkpoint.parameters(), on: backend)
        let values = (0..<1280).map { Float($0 % 37) / 37 - 0.5 }
        let mix = backend.tensor([2, 640], values)
        let stems = try network.forward(mix, observer: CancellationToken()).floats
        #expect(stems.count == 2 * values.count)
        let residual = zip(values, stems).map { $0 - $1 }
        #expect(Array(stems[values.count...]) == residual)
    }

    /// A name without an extension, and one with a letter of two bytes in it.
    @Test(arguments: ["plain", "a.b\u{E9}"])
    func anyNameHasAYAMLFileBeside(name: String) throws {
        let folder = TemporaryFolder()
        let copy = try folder.write(Data(contentsOf: .init(filePath: path("target"))), name)
        let yaml = Fixture.url("roformer_files/target.yaml")
        try folder.write(Data(contentsOf: yaml), FilePath.stem(of: name) + ".yaml")
        let file = try ModelFiles(checkpoint: copy).configuration(of: Checkpoint.open(copy))
        #expect(try file?.sections == sections("target"))
    }

    @Test func aCheckpointWithoutAConfigurationIsRefused() throws {
        let folder = TemporaryFolder()
        let copy = try folder.write(try Data(contentsOf: .init(filePath: path("target"))), "a.ckpt")
        let checkpoint = try Checkpoint.open(copy)
        let files = ModelFiles(checkpoint: copy)
        #expect(try files.configuration(of: checkpoint) == nil)
        #expect(
            throws: WeightsError.configurationMissing(
                path: copy, className: "bs_roformer.BSRoformer")
        ) { try RoFormerConfiguration.Kind.bandSplit.storedSections(of: checkpoint) }
        // A bag's file beside it is no configuration.
        try folder.write("models: [a]", "a.yaml")
        #expect(try files.configuration(of: checkpoint) == nil)
        try folder.write("model:\n  dim: [8\n", "a.yaml")
        #expect(throws: YAMLFileError.self) { try files.configuration(of: checkpoint) }
    }

    /// A changed value and the key that the error names.
    static let mistakes: [(section: String, key: String, value: ArgumentValue, named: String)] = [
        ("model", "dim", .null, "model.dim"),
        ("model", "dim", .string("8"), "model.dim"),
        ("model", "dim", .integer(0), "model.dim"),
        ("model", "dim_head", .integer(7), "model.dim_head"),
        ("model", "stereo", .integer(1), "model.stereo"),
        ("model", "freqs_per_bands", .array([.integer(4)]), "model.freqs_per_bands"),
        ("model", "freqs_per_bands", .array([.bool(true)]), "model.freqs_per_bands"),
        ("model", "stft_n_fft", .integer(60), "model.stft_n_fft"),
        ("model", "stft_hop_length", .integer(64), "model.stft_hop_length"),
        ("model", "stft_win_length", .integer(32), "model.stft_win_length"),
        ("model", "stft_normalized", .bool(true), "model.stft_normalized"),
        ("model", "linear_transformer_depth", .integer(1), "model.linear_transformer_depth"),
        ("model", "skip_connection", .bool(true), "model.skip_connection"),
        ("model", "use_pope", .bool(true), "model.use_pope"),
        ("model", "num_stems", .integer(2), "training.target_instrument"),
        ("training", "target_instrument", .integer(3), "training.target_instrument"),
        ("training", "target_instrument", .null, "training.instruments"),
        ("training", "instruments", .null, "training.instruments"),
        ("training", "instruments", .string("vocals"), "training.instruments"),
        ("training", "instruments", .array([.integer(1)]), "training.instruments"),
        (
            "training", "instruments", .array([.string("vocals"), .string("a/b")]),
            "training.instruments"
        ),
        ("audio", "chunk_size", .null, "audio.chunk_size"),
        ("audio", "chunk_size", .integer(0), "audio.chunk_size"),
        ("audio", "num_channels", .integer(1), "audio.num_channels"),
        ("inference", "chunk_size", .number(0.5), "inference.chunk_size"),
        ("inference", "num_overlap", .integer(0), "inference.num_overlap"),
        ("inference", "normalize", .string("no"), "inference.normalize"),
    ]

    @Test(arguments: mistakes)
    func mistakesNameTheirKey(
        section: String, key: String, value: ArgumentValue, named: String
    ) throws {
        let sections = try sections("target").setting([key: value], in: section)
        let error = #expect(throws: ConfigurationError.self) {
            try RoFormerConfiguration(.bandSplit, sections)
        }
        let text = try #require(error).description
        #expect(text.contains("\(named) ") || text.contains("\(named),"), "\(text)")
    }

    @Test func aSectionIsAMapping() throws {
        for section in ["audio", "model", "training", "inference"] {
            var sections = try sections("target")
            sections[section] = .integer(3)
            #expect(
                throws: ConfigurationError.wrongType(
                    key: section, found: "3", expected: "a section with keys")
            ) { try RoFormerConfiguration(.bandSplit, sections) }
        }
    }

    @Test func aTargetAloneLeavesTheInstrumental() throws {
        var sections = try sections("target")
        sections["training"] = .object([
            "instruments": .array([.string("vocals")]), "target_instrument": .string("vocals"),
        ])
        let configuration = try RoFormerConfiguration(.bandSplit, sections)
        #expect(configuration.sources == ["vocals", "instrumental"])
    }
}

extension [String: ArgumentValue] {
    /// These sections with other values in one of them.
    func setting(_ values: [String: ArgumentValue], in section: String) -> Self {
        guard case .object(let members) = self[section] else { return self }
        var sections = self
        sections[section] = .object(members.merging(values) { $1 })
        return sections
    }
}
