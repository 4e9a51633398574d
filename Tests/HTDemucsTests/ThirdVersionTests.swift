// Hybrid Demucs and Demucs on waveforms alone: the arguments of their checkpoints, and properties
// of their networks. Their outputs are tested in ModelTests.

import HTDemucs
import Networks
import Signal
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct ThirdVersionTests {
    private static let models = ["hybrid", "hybrid_long", "waveform", "waveform_lstm"]

    private func configuration(
        _ architecture: Architecture, _ keyword: [String: ArgumentValue] = [:]
    ) throws -> (configuration: Configuration, warnings: [String]) {
        var arguments = keyword
        arguments["sources"] = .array(["a", "b", "c", "d"].map(ArgumentValue.string))
        return try Configuration.read(
            ModelArguments(
                className: architecture.className, positional: [], keyword: arguments))
    }

    @Test func classesKeepTheirDefaults() throws {
        let hybrid = try configuration(.hdemucs).configuration
        #expect(hybrid.layers.map(\.channelsOut) == [48, 96, 192, 384, 768, 1536])
        #expect(hybrid.layers.map(\.merges) == [false, false, false, false, true, false])
        #expect(hybrid.layers.map(\.isTimeOnly) == [false, false, false, false, false, true])
        #expect(hybrid.layers.map(\.hasLSTM) == [false, false, false, false, true, true])
        #expect(hybrid.layers.map(\.hasAttention) == [false, false, false, false, true, true])
        #expect(hybrid.layers.map(\.isNormed) == [false, false, false, false, true, true])
        #expect(hybrid.layers.map(\.dconvHidden) == [12, 24, 48, 96, 192, 384])
        #expect(hybrid.segmentSamples == 40 * 44_100)

        let waveform = try configuration(.demucs).configuration
        #expect(waveform.layers.map(\.channelsOut) == [64, 128, 256, 512, 1024, 2048])
        #expect(waveform.layers.allSatisfy { $0.isTimeOnly && !$0.merges })
        let arguments = waveform.arguments
        #expect(arguments.normalize && arguments.resample && arguments.lstmLayers == 0)
    }

    /// The first encoder layer and the last two decoder layers of each branch; Hybrid Demucs has
    /// fewer layers in the waveform's branch.
    @Test(arguments: [
        (
            Architecture.htdemucs,
            ["encoder.0", "tencoder.0", "decoder.2", "decoder.3", "tdecoder.2", "tdecoder.3"]
        ),
        (
            .hdemucs,
            ["encoder.0", "tencoder.0", "decoder.4", "decoder.5", "tdecoder.3", "tdecoder.4"]
        ),
        (.demucs, ["encoder.0", "decoder.4", "decoder.5"]),
    ])
    func theOuterLayersStayFloats(architecture: Architecture, expected: [String]) throws {
        let configuration = try configuration(architecture).configuration
        let plan = configuration.recommendedPlan
        let depth = configuration.layers.count
        let both = configuration.layers.count { !$0.isTimeOnly }
        let layers = ["encoder", "decoder"].flatMap { name in
            (0..<depth).map { "\(name).\($0)" } + (0..<both).map { "t\(name).\($0)" }
        }
        let floats = layers.filter { plan["\($0).conv.weight"] == .float }
        #expect(Set(floats) == Set(expected))
    }

    /// Results of Demucs.valid_length of demucs 4.1.0 with default arguments: 6 layers of kernel 8
    /// and stride 4.
    @Test func validLengthsAreTheReferences() throws {
        let valid = try #require(try configuration(.demucs).configuration.validLength)
        let pairs = [
            (1, 4778), (4778, 4778), (4779, 6826), (44_100, 45_738), (1_940_400, 1_942_186),
        ]
        for (length, expected) in pairs { #expect(valid(length) == expected, "\(length)") }
    }

    @Test(arguments: [
        (Architecture.hdemucs, "hybrid", ArgumentValue.bool(false)),
        (.hdemucs, "cac", .bool(false)), (.hdemucs, "rewrite", .bool(false)),
        (.hdemucs, "channels_time", .integer(24)),
        (.hdemucs, "multi_freqs", .array([.number(0.25)])),
        (.demucs, "gelu", .bool(false)), (.demucs, "glu", .bool(false)),
        (.demucs, "rewrite", .bool(false)),
    ])
    func unsupportedOptionsAreRefusedByName(
        architecture: Architecture, key: String, value: ArgumentValue
    ) throws {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try configuration(architecture, [key: value])
        }
        guard case .unsupported(key, value.description, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// As in the reference, arguments of another class are ignored too.
    @Test(arguments: [
        (Architecture.hdemucs, "t_layers"), (.demucs, "nfft"), (.htdemucs, "hybrid_old"),
    ])
    func unknownOptionsAreNamedAndIgnored(architecture: Architecture, key: String) throws {
        let found = try configuration(architecture, [key: .string("x")])
        #expect(found.warnings.count == 1 && found.warnings[0].contains(key))
        #expect(found.configuration == (try configuration(architecture).configuration))
    }

    @Test(arguments: [
        ("depth", ArgumentValue.integer(4)), ("time_stride", .integer(3)),
        ("dconv_comp", .integer(5)), ("norm_groups", .integer(5)), ("segment", .number(-1)),
        ("samplerate", .integer(768_001)),
    ])
    func valuesThatDoNotFitAreRefusedByName(key: String, value: ArgumentValue) throws {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try configuration(.hdemucs, [key: value])
        }
        #expect("\(try #require(error))".contains(key))
    }

    /// A bag's segment may be longer than the model's own, except for HTDemucs.
    @Test func bagsSetTheSegment() throws {
        for (architecture, seconds) in [(Architecture.hdemucs, 44.0), (.demucs, 44)] {
            let own = try configuration(architecture).configuration
            #expect(try own.inBag(ofSegmentSeconds: seconds).segmentSamples == 44 * 44_100)
        }
        let transformer = try configuration(.htdemucs).configuration
        #expect(try transformer.inBag(ofSegmentSeconds: 44) == transformer)
    }

    private func stems(_ name: String, samples: Int, on backend: Backend) throws -> [Float] {
        let model = try RawCheckpoint(fixture: name).open().network(backend: backend)
        let channels = model.configuration.arguments.audioChannels
        var random = SplitMix64(seed: 5)
        let mix = backend.tensor([channels, samples], random.floats(channels * samples))
        return try model.forward(mix).floats
    }

    /// bfloat16 has a relative rounding error of 2⁻⁹, INT8 an error of 2⁻⁸ of the largest element.
    /// These small models with perturbed weights amplify them. With any mistake the SNR is below 10
    /// dB.
    @Test(arguments: models, [Precision.bfloat16, .int8])
    func shortPrecisionsStayNear(_ name: String, precision: Precision) throws {
        let exact = try stems(name, samples: 1500, on: Backend(threads: 2))
        let rounded = try stems(name, samples: 1500, on: Backend(threads: 2, precision: precision))
        let decibels = SignalToNoise(of: rounded, against: exact).decibels
        #expect(decibels >= 20, "\(decibels) dB")
    }
}
