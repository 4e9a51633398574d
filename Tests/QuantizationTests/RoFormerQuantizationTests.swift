// Quantises tiny RoFormers into files, and builds networks from the files.

import DemucsEngine
import Networks
import Quantization
import System
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct RoFormerQuantizationTests {
    /// A BS-RoFormer of two stems, and a Mel-Band RoFormer.
    static let names = ["bands", "mel"]

    private let cancellation = CancellationToken()

    private func source(_ name: String) throws -> Checkpoint {
        try Checkpoint.open(Fixture.url("roformer/\(name).safetensors").path)
    }

    /// A chunk of a tone with noise, `[channels, samples]`.
    private func mix(of rules: TrackRules, seed: UInt64) -> [Float] {
        var random = SplitMix64(seed: seed)
        return (0..<rules.audioChannels * rules.segmentSamples).map { index in
            0.3 * sin(Float(index) * 0.05) + 0.2 * random.float()
        }
    }

    private func quantized(
        _ name: String, in folder: TemporaryFolder
    ) throws -> (file: Checkpoint, model: QuantizedModel) {
        let source = try source(name)
        let description = try ModelDescription(of: source)
        let rules = description.configuration.trackRules
        let model = try ModelQuantization(source, description, calibration: [:], threads: 2).run(
            mixes: [mix(of: rules, seed: 7), mix(of: rules, seed: 8)],
            cancellation: cancellation)
        let path = folder.path("\(name).safetensors")
        try model.write(to: path)
        return (try Checkpoint.open(path), model)
    }

    private func stems(
        _ checkpoint: Checkpoint, _ precision: Precision, threads: Int = 2, seed: UInt64 = 9
    ) throws -> [Float] {
        let backend = try Backend(threads: threads, precision: precision)
        let configuration = try ModelDescription(of: checkpoint).configuration
        let rules = configuration.trackRules
        let network = try configuration.network(checkpoint.parameters(), on: backend)
        let mix = backend.tensor(
            [rules.audioChannels, rules.segmentSamples], mix(of: rules, seed: seed))
        return try network.forward(mix, observer: cancellation).floats
    }

    @Test(arguments: names)
    func onlyTheGatesAndTheNormsStayFloats(_ name: String) throws {
        let folder = TemporaryFolder()
        let source = try source(name)
        let (file, model) = try quantized(name, in: folder)
        let forms = try #require(try file.quantizationScheme()).layers
        #expect(file.metadata["klass"] == source.metadata["klass"])
        #expect(file.countBytes == model.countBytes)
        for tensor in source.tensors {
            let stored = try #require(file.tensor(named: tensor.name))
            let isMatrix = tensor.shape.count == 2
            let isGate = tensor.name.hasSuffix("to_gates.weight")
            let expected: LayerForm? =
                !isMatrix || isGate ? nil : tensor.name.hasPrefix("layers.") ? .w8a8 : .w8
            #expect(forms[tensor.name] == expected, "\(tensor.name)")
            let type: ElementType = !isMatrix ? .float32 : isGate ? .float16 : .int8
            #expect(stored.elementType == type, "\(tensor.name)")
        }
    }

    /// With matrices of 24 to 128 inputs, eight bits give about 35 dB, and 16 bits more. A wrong scale
    /// or column gives less than 15 dB.
    @Test(arguments: names)
    func aQuantizedFileRunsInEveryPrecision(_ name: String) throws {
        let folder = TemporaryFolder()
        let source = try source(name)
        let (file, model) = try quantized(name, in: folder)
        let expected = try stems(source, .float32)
        #expect(model.snrDecibels >= 28, "\(model.snrDecibels)")
        for precision in Precision.allCases {
            let comparison = Comparison(actual: try stems(file, precision), expected: expected)
            #expect(comparison.snrDecibels >= 28, "\(precision.rawValue): \(comparison)")
        }
        let single = try stems(file, .int8, threads: 1)
        #expect(try stems(file, .int8, threads: 3) == single)
    }

    /// Gates read the same operand as queries, keys and values, which may be bfloat16: a file of
    /// another program can't make them INT8.
    @Test func int8GatesAreRefused() throws {
        let folder = TemporaryFolder()
        let name = "layers.0.0.layers.0.0.to_gates.weight"
        var raw = try RawCheckpoint(quantized("bands", in: folder).file)
        var gates = try #require(raw[name])
        gates.type = .int8
        gates.bytes = Array(repeating: 1, count: gates.shape.reduce(1, *))
        raw[name] = gates
        let changed = try raw.open()
        #expect(throws: WeightsError.notFloats(path: changed.path, tensor: name, found: .int8)) {
            try stems(changed, .int8)
        }
    }

    @Test func aConvertedModelGivesTheSameStems() throws {
        let folder = TemporaryFolder()
        let source = try source("mel")
        let path = folder.path("converted.safetensors")
        try CheckpointConversion(source).write(to: path)
        #expect(try stems(Checkpoint.open(path), .float32) == stems(source, .float32))
        #expect(throws: ConfigurationError.self) {
            try CheckpointConversion(source, sources: ["vocals"])
        }
    }
}
