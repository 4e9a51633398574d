// Quantises float weights into a file, and builds a network from it.

import DemucsEngine
import Foundation
import HTDemucs
import Layers
import Networks
import Quantization
import System
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct ModelQuantizationTests {
    private static let samples = 1950

    /// A tone with noise: `[channels, samples]`.
    private static func mix(_ channels: Int, seed: UInt64 = 7) -> [Float] {
        var random = SplitMix64(seed: seed)
        return (0..<channels * samples).map { index in
            0.8 * sin(Float(index) * 0.05) + 0.5 * random.float()
        }
    }

    /// Quantises a model of the fixtures into a file and opens the file.
    private func quantized(
        _ source: Checkpoint, threads: Int = 2, precision: Precision = .int8
    ) throws -> (file: Checkpoint, bytes: Data, model: QuantizedModel) {
        let quantization = try ModelQuantization(
            source, ModelDescription(of: source), calibration: [:], threads: threads)
        let channels = quantization.description.configuration.trackRules.audioChannels
        let model = try quantization.run(
            mixes: [Self.mix(channels), Self.mix(channels, seed: 8)], precision: precision,
            cancellation: CancellationToken())
        let folder = TemporaryFolder()
        let path = folder.path("int8.safetensors")
        try model.write(to: path)
        return (try Checkpoint.open(path), try folder.data("int8.safetensors"), model)
    }

    private static func outputAxis(of tensor: String) -> Int {
        tensor.hasSuffix("conv_tr.weight") ? 1 : 0
    }

    /// The dequantised weights of a file, by the format's definition: quantized · scale.
    private func weights(
        _ tensor: String, shape: [Int], _ bytes: [UInt8], in file: Checkpoint
    ) throws -> [Float] {
        let scales = try file.floats(try #require(file.tensor(named: tensor + ".scale")))
        let axis = Self.outputAxis(of: tensor)
        #expect(scales.count == shape[axis])
        let inner = shape[(axis + 1)...].reduce(1, *)
        return bytes.enumerated().map { index, byte in
            Float(Int8(bitPattern: byte)) * scales[index / inner % scales.count]
        }
    }

    private func base() throws -> Checkpoint {
        try Checkpoint.open(Fixture.url("models/base.safetensors").path)
    }

    private func stems(
        _ checkpoint: Checkpoint, _ precision: Precision, threads: Int = 2, seed: UInt64 = 7
    ) throws -> [Float] {
        let backend = try Backend(threads: threads, precision: precision)
        let model = try checkpoint.network(backend: backend)
        let channels = model.configuration.arguments.audioChannels
        let mix = backend.tensor([channels, Self.samples], Self.mix(channels, seed: seed))
        return try model.forward(mix).floats
    }

    // MARK: - The file

    @Test func int8WeightsAreNearTheFloatsAndTheRestIsUntouched() throws {
        let source = try base()
        let (file, bytes, model) = try quantized(source)
        #expect(bytes.count == model.countBytes)
        for layer in model.layers {
            let stored = [layer.tensor, QuantizationScheme.scaleName(of: layer.tensor)]
                .compactMap(file.tensor(named:))
            #expect(layer.countBytes == stored.reduce(0) { $0 + $1.countBytes })
        }
        #expect(file.isQuantized)
        #expect(file.metadata["klass"] == Architecture.htdemucs.className)
        let forms = try #require(try file.quantizationScheme()).layers
        for tensor in source.tensors {
            let stored = try #require(file.tensor(named: tensor.name))
            #expect(stored.shape == tensor.shape)
            let values = try source.floats(tensor)
            guard forms[tensor.name] != nil else {
                // Weights that are not quantised become float16; everything else but biases keeps
                // its bytes.
                if stored.elementType == tensor.elementType {
                    let isBias = tensor.name.hasSuffix("bias")
                    #expect(try isBias || file.floats(stored) == values, "\(tensor.name)")
                } else {
                    #expect(tensor.shape.count > 1 && stored.elementType == .float16)
                }
                continue
            }
            #expect(stored.elementType == .int8, "\(tensor.name)")
            let weights = try weights(
                tensor.name, shape: tensor.shape, file.read(stored) { Array($0) }, in: file)
            // Rounding to nearest gives an SNR of about 40 dB; GPTQ's weights, which compensate for
            // each other's errors, a lower one.
            let comparison = Comparison(actual: weights, expected: values)
            #expect(comparison.snrDecibels >= 25, "\(tensor.name): \(comparison)")
        }
    }

    @Test func theSameModelGivesTheSameFile() throws {
        let single = try quantized(try base(), threads: 1).bytes
        #expect(try quantized(try base(), threads: 3).bytes == single)
    }

    /// Products of INT8 weights and of the dequantised weights differ like two orders of the same
    /// sums in float32.
    @Test func int8WeightsRunLikeTheFloatsThatTheyStandFor() throws {
        let (file, _, _) = try quantized(try base())
        var widened = try RawCheckpoint(file)
        widened.metadata["quantization"] = nil
        for tensor in widened.tensors where tensor.type == .int8 {
            let values = try weights(
                tensor.name, shape: tensor.shape, tensor.bytes, in: file)
            widened[tensor.name + ".scale"] = nil
            widened[tensor.name] = .init(
                name: tensor.name, type: .float32, shape: tensor.shape,
                bytes: values.withUnsafeBytes { [UInt8]($0) })
        }
        let comparison = Comparison(
            actual: try stems(file, .float32), expected: try stems(try widened.open(), .float32))
        #expect(comparison.snrDecibels >= 110, "\(comparison)")
    }

    // MARK: - The network

    /// Eight bits in weights and activations give about 35 dB at this size, where a layer has few
    /// weights to average errors over. A wrong scale or column gives less than 15 dB.
    @Test func quantizedModelsStayNearPyTorch() throws {
        for name in ["base", "merge", "context_enc_1", "kernel_4", "half"] {
            let golden = try Fixture("models/\(name).outputs")
            let source = try Checkpoint.open(Fixture.url("models/\(name).safetensors").path)
            let files = [source, try quantized(source).file]
            for (checkpoint, precision) in [
                (files[0], Precision.int8), (files[1], .int8), (files[1], .bfloat16),
                (files[1], .float32),
            ] {
                let backend = try Backend(threads: 2, precision: precision)
                let model = try checkpoint.network(backend: backend)
                let mix = backend.tensor(try golden.shape("mix"), try golden.floats("mix"))
                let stems = try model.forward(mix)
                let comparison = Comparison(
                    LaidOut(stems.shape, stems.floats), try golden.laidOut("final"))
                #expect(
                    comparison.snrDecibels >= 25, "\(name), \(precision.rawValue): \(comparison)")
            }
        }
    }

    /// The noise of the worst stem over the two segments of the calibration, in the precision that is asked for.
    @Test(arguments: [Precision.int8, .float32])
    func theFileStatesItsNoiseAndItsOrigin(precision: Precision) throws {
        let source = try base()
        let (file, _, model) = try quantized(source, precision: precision)
        let count = try ModelDescription(of: source).configuration.trackRules.sources.count
        let found = try [7, 8].map { try stems(file, precision, seed: $0) }
        let reference = try [7, 8].map { try stems(source, .float32, seed: $0) }
        let ratios = (0..<count).map { stem in
            func both(_ stems: [[Float]]) -> [Float] {
                stems.flatMap { $0[stem * $0.count / count..<(stem + 1) * $0.count / count] }
            }
            return Comparison(actual: both(found), expected: both(reference)).snrDecibels
        }
        // The file has its other weights in float16; those two precisions differ by 6 dB.
        #expect(abs(model.snrDecibels - (ratios.min() ?? 0)) < 1.5)
        #expect(
            try file.quantizationScheme()?.origin == [
                "source": .string("base.safetensors"), "source_sha256": .string(source.sha256()),
                "calibration": .object([:]),
                "snr_db": .number((model.snrDecibels * 100).rounded() / 100),
            ])
    }

    /// GPTQ against rounding to nearest, on another signal than in the calibration.
    @Test func gptqErrsLessThanRoundingToNearest() throws {
        let source = try base()
        let weightsAlone = try quantized(source, precision: .float32)
        #expect(weightsAlone.model.layers.allSatisfy { $0.form != .w8a8 })
        let expected = try stems(source, .float32, seed: 9)
        func decibels(_ checkpoint: Checkpoint, _ precision: Precision) throws -> Double {
            Comparison(
                actual: try stems(checkpoint, precision, seed: 9), expected: expected
            ).snrDecibels
        }
        let gptq = try decibels(weightsAlone.file, .float32)
        let nearest = try decibels(try nearest(to: weightsAlone.file, of: source), .float32)
        #expect(gptq >= nearest + 2, "\(gptq) dB, \(nearest) dB")
        // At this size INT8 activations cost more than INT8 weights, but the file's SNR is higher.
        let file = try quantized(source).file
        #expect(try meanDecibels(file, of: source) >= meanDecibels(source, of: source))
    }

    /// The mean SNR of INT8 over eight signals: at this size a single one may favour either
    /// rounding by 1 dB.
    private func meanDecibels(_ checkpoint: Checkpoint, of source: Checkpoint) throws -> Double {
        let seeds: Range<UInt64> = 9..<17
        let sum = try seeds.reduce(0.0) { sum, seed in
            sum
                + Comparison(
                    actual: try stems(checkpoint, .int8, seed: seed),
                    expected: try stems(source, .float32, seed: seed)
                ).snrDecibels
        }
        return sum / Double(seeds.count)
    }

    /// The same file with weights rounded to nearest.
    private func nearest(to file: Checkpoint, of source: Checkpoint) throws -> Checkpoint {
        var raw = try RawCheckpoint(file)
        for tensor in raw.tensors {
            guard let original = source.tensor(named: tensor.name) else { continue }
            guard tensor.type == .int8 else {
                raw[tensor.name] = .init(
                    name: tensor.name, type: original.elementType, shape: tensor.shape,
                    bytes: try source.read(original) { Array($0) })
                continue
            }
            let quantizer = Quantizer(
                shape: tensor.shape, outputAxis: Self.outputAxis(of: tensor.name))
            let weights = try source.floats(original)
            let scales = try #require(quantizer.scales(of: weights))
            raw[tensor.name]?.bytes = quantizer.quantized(weights, scales: scales)
                .map { UInt8(bitPattern: $0) }
            raw[tensor.name + ".scale"]?.bytes = scales.withUnsafeBytes { [UInt8]($0) }
        }
        return try raw.open()
    }

    /// Earlier versions could leave layers of the plan in more exact forms.
    @Test func aFileWithAnotherPlanRunsByItsOwn() throws {
        let source = try base()
        let file = try quantized(source).file
        var raw = try RawCheckpoint(file)
        raw.metadata["quantization"] = raw.metadata["quantization"]?
            .replacing("\"int8\"", with: "\"int8-weights\"")
        let mixed = try stems(raw.open(), .int8)
        #expect(try mixed != stems(file, .int8))
        let comparison = Comparison(actual: mixed, expected: try stems(source, .float32))
        #expect(comparison.snrDecibels >= 25, "\(comparison)")
    }

    @Test func aQuantizedModelIsNotQuantizedAgain() throws {
        let (file, _, _) = try quantized(try base())
        #expect(throws: WeightsError.self) {
            _ = try ModelQuantization(
                file, ModelDescription(of: file), calibration: [:], threads: 1)
        }
        #expect(throws: WeightsError.self) { _ = try CheckpointConversion(file) }
    }

    @Test func weightsThatAreNotFiniteAreRefused() throws {
        var crafted = try RawCheckpoint(fixture: "base")
        let nan = withUnsafeBytes(of: Float.nan) { [UInt8]($0) }
        crafted["encoder.1.rewrite.weight"]?.bytes.replaceSubrange(12..<16, with: nan)
        let checkpoint = try crafted.open()
        let isNamed = { (error: any Error) in
            guard case WeightsError.notStorable(_, "encoder.1.rewrite.weight", _, .int8) = error
            else { return false }
            return true
        }
        #expect(performing: { _ = try stems(checkpoint, .int8) }, throws: isNamed)
        #expect(performing: { _ = try quantized(checkpoint) }, throws: isNamed)
    }

    // MARK: - Damaged files

    private static let tensor = "channel_upsampler.weight"

    /// Expects an error of building the model from a changed file.
    private func expect(
        _ isExpected: (WeightsError) -> Bool, after change: (inout RawCheckpoint) throws -> Void
    ) throws {
        var raw = try RawCheckpoint(quantized(try base()).file)
        try change(&raw)
        let changed = try raw.open()
        let error = #expect(throws: WeightsError.self) {
            _ = try changed.network(backend: Backend(threads: 1, precision: .int8))
        }
        #expect(error.map(isExpected) == true, "\(String(describing: error))")
    }

    @Test func invalidScalesAreNamed() throws {
        let values = [Float(0), -0.5, .nan, .infinity]
        let cases: [(problem: String, change: (inout RawCheckpoint.Tensor?) -> Void)] =
            values.map { value in
                (
                    "scale 1 is \(value)",
                    {
                        $0?.bytes.replaceSubrange(
                            4..<8, with: withUnsafeBytes(of: value) { [UInt8]($0) })
                    }
                )
            } + [
                (
                    "have the shape",
                    {
                        $0?.shape[0] -= 1
                        $0?.bytes.removeLast(4)
                    }
                ),
                ("are U32, expected F32", { $0?.type = .uint32 }),
                ("missing", { $0 = nil }),
            ]
        for (problem, change) in cases {
            try expect {
                guard case .scalesInvalid(_, Self.tensor, let found) = $0 else { return false }
                return found.contains(problem)
            } after: { raw in
                _ = try #require(raw[Self.tensor + ".scale"])
                change(&raw[Self.tensor + ".scale"])
            }
        }
    }

    @Test func int8BiasesAreNamed() throws {
        try expect {
            if case .notFloats(_, "channel_upsampler.bias", .int8) = $0 { true } else { false }
        } after: { raw in
            var bias = try #require(raw["channel_upsampler.bias"])
            bias.type = .int8
            bias.bytes = Array(repeating: 1, count: bias.shape[0])
            raw["channel_upsampler.bias"] = bias
        }
    }

    /// INT8 weights of another program, without this one's metadata.
    @Test func int8WeightsWithoutASchemeAreNotRead() throws {
        try expect {
            if case .notFloats(_, _, .int8) = $0 { true } else { false }
        } after: {
            $0.metadata["quantization"] = nil
        }
    }

    @Test(arguments: [
        "", "[]", "{\"scheme\": \"int4\", \"layers\": {}}",
        "{\"scheme\": \"int8-symmetric-per-channel\"}",
        "{\"scheme\": \"int8-symmetric-per-channel\", \"layers\": {\"a\": \"float\"}}",
        "{\"scheme\": \"int8-symmetric-per-channel\", \"layers\": {\"a\": 8}}",
    ])
    func invalidSchemesAreRefused(_ text: String) throws {
        try expect {
            if case .metadataInvalid(_, "quantization", _) = $0 { true } else { false }
        } after: {
            $0.metadata["quantization"] = text
        }
    }

    // MARK: - Rounding

    @Test func clippingNeverErrsMore() throws {
        let quantizer = Quantizer(shape: [3, 5, 2], outputAxis: 0)
        var weights = (0..<30).map { sin(Float($0) * 1.7) }
        weights[4] = 9
        let squares = (0..<30).map { [0.1, 4, 0.01, 2, 1][$0 / 2 % 5] as Float }
        let (whole, clipped) = (
            try #require(quantizer.scales(of: weights)),
            try #require(quantizer.clippedScales(of: weights, meanSquares: squares))
        )
        func errors(_ scales: [Float]) -> [Double] {
            let values = quantizer.dequantized(
                quantizer.quantized(weights, scales: scales), scales: scales)
            return (0..<3).map { channel in
                (0..<10).reduce(0.0) { sum, index in
                    let error = Double(weights[10 * channel + index] - values[10 * channel + index])
                    return sum + Double(squares[index]) * error * error
                }
            }
        }
        for (clip, no) in zip(errors(clipped), errors(whole)) { #expect(clip <= no * 1.0001) }
    }

    @Test func aChannelOfZerosHasAScale() throws {
        let quantizer = Quantizer(shape: [2, 2], outputAxis: 0)
        #expect(quantizer.scales(of: [0, 0, 127, -1]) == [1, 1])
        #expect(quantizer.scales(of: [0, .nan, 127, -1]) == nil)
        #expect(quantizer.quantized([0, 0, 127, -1], scales: [1, 1]) == [0, 0, 127, -1])
    }

    @Test func weightsAreRoundedToNearestTiesToEven() {
        let quantizer = Quantizer(shape: [1, 12], outputAxis: 0)
        let weights: [Float] = [
            0.5, 1.5, 2.5, -0.5, -1.5, -0.49, 126.5, 126.51, -126.49, 128, -1e30, 1e-30,
        ]
        let expected: [Int8] = [0, 2, 2, 0, -2, 0, 126, 127, -126, 127, -127, 0]
        #expect(quantizer.quantized(weights, scales: [1]) == expected)
        #expect(quantizer.quantized(weights.map { $0 / 4 }, scales: [0.25]) == expected)
    }
}
