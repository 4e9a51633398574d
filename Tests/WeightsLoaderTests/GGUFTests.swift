// GGUF files as audio.cpp's converter writes them, and files that are refused.

import Foundation
import TestSupport
import Testing
import WeightsLoader

@Suite struct GGUFTests {
    private static let className = "demucs.htdemucs.HTDemucs"

    private func model() throws -> Checkpoint { try FormatTests.open("model.safetensors") }

    private func file(_ weights: GGUFFile.Weights) throws -> CraftedFile {
        let model = try model()
        let configuration = try GGUFFile.configuration(ofDemucs: model)
        return try CraftedFile(GGUFFile(model, configuration: configuration).bytes(weights))
    }

    @Test(arguments: [GGUFFile.Weights.float32, .float16])
    func tensorsAndArgumentsAreThoseOfTheModel(_ weights: GGUFFile.Weights) throws {
        // The fixture's weights are values of float16.
        let (checkpoint, reference) = try (file(weights).open(), model())
        #expect(checkpoint.format == .gguf)
        #expect(checkpoint.tensors.map(\.name) == reference.tensors.map(\.name))
        for (found, expected) in zip(checkpoint.tensors, reference.tensors) {
            #expect(found.shape == expected.shape)
            #expect(try checkpoint.floats(found) == reference.floats(expected))
        }
        let found = try checkpoint.modelArguments(ofClasses: [Self.className])
        let expected = try reference.modelArguments(ofClasses: [Self.className])
        #expect(found.className == expected.className && found.positional == expected.positional)
        #expect(
            found.keyword.mapValues(Self.number) == expected.keyword.mapValues(Self.number))
    }

    /// A number as audio.cpp's JSON keeps it, which has no fractions, and 5 for 5.0.
    private static func number(_ value: ArgumentValue) -> ArgumentValue {
        switch value {
        case .fraction(let numerator, let denominator):
            number(.number(Double(numerator) / Double(denominator)))
        case .number(let number): Int(exactly: number).map(ArgumentValue.integer) ?? value
        default: value
        }
    }

    @Test func bfloat16HasTheUpperHalfOfEachNumber() throws {
        let (checkpoint, reference) = try (file(.bfloat16).open(), model())
        for (found, expected) in zip(checkpoint.tensors, reference.tensors) {
            let upper = try reference.floats(expected).map {
                Float(bitPattern: $0.bitPattern & 0xFFFF_0000)
            }
            #expect(try checkpoint.floats(found) == upper)
        }
    }

    /// Blocks of 32 with a scale of 1/127 of their peak, rounded to float16.
    @Test func blocksOfQ8DecodeToWholeMultiplesOfTheirScale() throws {
        let values = (0..<128).map { index -> Float in
            let scale: Float = index < 64 ? 0.01 : 3
            return Float((index * 37) % 101 - 50) * scale
        }
        let tensors = [GGUFFile.Tensor(name: "a.weight", shape: [2, 64], values: values)]
        let bytes = GGUFFile(configuration: nil, tensors: tensors).bytes(.q8)
        let checkpoint = try CraftedFile(bytes).open()
        let tensor = try #require(checkpoint.tensor(named: "a.weight"))
        #expect(tensor.elementType == .float32 && tensor.shape == [2, 64])
        let found = try checkpoint.floats(tensor)
        for start in stride(from: 0, to: values.count, by: 32) {
            let peak = values[start..<start + 32].reduce(0) { max($0, abs($1)) }
            // Half a step, and the rounding of the step to 11 bits, 127 times.
            let bound = peak / 127 * (0.5 + 127 * 0x1p-11)
            for index in start..<start + 32 { #expect(abs(found[index] - values[index]) <= bound) }
        }
        #expect(!checkpoint.describesModel)
    }

    @Test func configurationsOfMelBandRoFormersBecomeSections() throws {
        let config = """
            {"model_type": "mel_band_roformer", "dim": 8, "n_fft": 64, "hop_length": 16, "num_overlap": 3,
             "chunk_size": 480, "sample_rate": 44100, "has_final_norm": false}
            """
        let checkpoint = try CraftedFile(
            GGUFFile(configuration: config, tensors: []).bytes(.float32)
        ).open()
        let sections = try checkpoint.modelArguments(
            ofClasses: ["mel_band_roformer.MelBandRoformer"]
        ).keyword
        #expect(
            sections["model"]
                == .object([
                    "dim": .integer(8), "stft_n_fft": .integer(64), "stft_hop_length": .integer(16),
                    "sample_rate": .integer(44_100), "stereo": .bool(true),
                    "time_transformer_depth": .integer(1), "freq_transformer_depth": .integer(1),
                ]))
        #expect(
            sections["audio"]
                == .object(["chunk_size": .integer(480), "sample_rate": .integer(44_100)]))
        #expect(sections["inference"] == .object(["num_overlap": .integer(3)]))
    }

    // MARK: - Refused

    private static func changed(_ change: (inout GGUFFile) -> Void) -> [UInt8] {
        let values = (0..<32).map(Float.init)
        var file = GGUFFile(
            configuration: nil,
            tensors: [GGUFFile.Tensor(name: "a.weight", shape: [1, 32], values: values)])
        change(&file)
        return file.bytes(.float32)
    }

    /// Language models have the same container.
    static let others: [([UInt8], String)] = [
        (changed { $0.architecture = "llama" }, "its architecture is \"llama\""),
        (changed { $0.version = 2 }, "it has version 2 of the format, expected 3"),
        (
            changed { $0.configuration = "{\"model_type\": \"whisper\"}" },
            "the model_type \"whisper\""
        ),
        (
            changed { $0.configuration = "{\"model_type\": \"demucs\", \"class_name\": \"X\"}" },
            "lacks kwargs, or a class_name among Demucs, HDemucs, HTDemucs"
        ),
        (
            changed { file in
                file.source = ""
                file.tensors.append(.init(name: "b/a.weight", shape: [1], values: [1]))
            }, "it has the tensor \"a.weight\" twice"
        ),
        (
            changed { file in
                file.source = ""
                file.tensors.append(.init(name: "b/c.weight", shape: [1], values: [1]))
            }, "it has the weights of several models: \"\", \"b\""
        ),
        (
            changed { $0.entries = [GGUFFile.entry("general.architecture", "x")] },
            "the key \"general.architecture\" appears twice"
        ),
        (
            changed { $0.entries = [GGUFFile.text("x") + GGUFFile.littleEndian(99, 4)] },
            "\"x\" has the unknown type 99"
        ),
        (
            changed {
                $0.entries = [
                    GGUFFile.text("x") + GGUFFile.littleEndian(9, 4) + GGUFFile.littleEndian(0, 4)
                        + GGUFFile.littleEndian(1 << 40, 8)
                ]
            }, "\"x\" can't have 1099511627776 elements"
        ),
        (
            changed {
                $0.entries = [
                    GGUFFile.text("general.alignment") + GGUFFile.littleEndian(4, 4)
                        + GGUFFile.littleEndian(0, 4)
                ]
            }, "\"general.alignment\" is 0"
        ),
    ]

    @Test(arguments: others)
    func filesOfOtherKindsAreRefused(bytes: [UInt8], problem: String) throws {
        let message = try CraftedFile(bytes).problem()
        #expect(message.contains(problem), "\(message)")
    }

    @Test func aTypeOfFewerBitsIsRefused() throws {
        var bytes = Self.changed { _ in }
        let name = GGUFFile.text("submodel_weights/a.weight")
        let start = try #require(bytes.firstRange(of: name + GGUFFile.littleEndian(2, 4)))
        // Q4_0 in the place of F32, after the two sizes.
        bytes[start.upperBound + 16] = 2
        let message = try CraftedFile(bytes).problem()
        #expect(message.contains("\"submodel_weights/a.weight\" has ggml's type 2"), "\(message)")
        // An offset at which no tensor begins.
        bytes[start.upperBound + 16] = 0
        bytes[start.upperBound + 20] = 32
        let moved = try CraftedFile(bytes).problem()
        #expect(moved.contains("begins at 32 of the values, expected 0"), "\(moved)")
    }

    @Test func aBlockOfASingleValueIsRefused() throws {
        let bytes = Self.changed { $0.tensors = [.init(name: "a.weight", shape: [], values: [1])] }
        let name = GGUFFile.text("submodel_weights/a.weight")
        let entry = try #require(bytes.firstRange(of: name + GGUFFile.littleEndian(1, 4)))
        // No sizes in the place of one, and Q8_0, whose blocks hold 32 values, in that of F32.
        var header = Array(bytes[..<entry.lowerBound]) + name + GGUFFile.littleEndian(0, 4)
        header += GGUFFile.littleEndian(8, 4) + GGUFFile.littleEndian(0, 8)
        header += [UInt8](repeating: 0, count: (32 - header.count % 32) % 32)
        let message = try CraftedFile(header + [UInt8](repeating: 0, count: 64)).problem()
        #expect(message.contains("\"submodel_weights/a.weight\" has the shape []"), "\(message)")
    }

    @Test func aFileCutShortIsDamaged() throws {
        let bytes = Self.changed { _ in }
        for count in [5, 20, bytes.count / 2, bytes.count - 1] {
            let file = try CraftedFile(Array(bytes.prefix(count)))
            guard case .damaged = file.openingError() else {
                Issue.record("\(count): \(String(describing: file.openingError()))")
                continue
            }
        }
    }
}
