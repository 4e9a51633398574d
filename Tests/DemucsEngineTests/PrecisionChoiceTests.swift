import DemucsEngine
import ModelZoo
import Tensor
import TestSupport
import Testing

@Suite struct PrecisionChoiceTests {
    private static func path(_ name: String) -> String { Fixture.url(name).path }
    private static let demucs = path("models/cross_first.safetensors")
    private static let hybrid = path("models/hybrid_long.safetensors")

    /// Music was separated in INT8 and measured with HTDemucs alone.
    @Test(arguments: [
        (demucs, Int8Effect.inaudible), (hybrid, .unknown), ("\(demucs)+\(demucs)", .inaudible),
        ("\(demucs)+\(hybrid)", .unknown), (path("models/waveform_lstm.safetensors"), .unknown),
        (path("roformer_files/two_stems.ckpt"), .unknown),
    ])
    func int8IsInaudibleInMeasuredFamilies(_ name: String, _ effect: Int8Effect) throws {
        #expect(try OpenedModel(ModelStore(environment: [:]).find(name)).int8 == effect)
    }

    @Test(arguments: [(demucs, Int8Effect.inaudible), (hybrid, .unknown)])
    func int8AltersTheModelsThatFollowToo(_ path: String, _ effect: Int8Effect) throws {
        var files = ModelFiles(checkpoint: Self.demucs)
        files.followers = [ModelFiles.Follower(stem: "drums", files: ModelFiles(checkpoint: path))]
        #expect(try OpenedModel(files).int8 == effect)
    }

    @Test(arguments: InstructionSet.available)
    func autoIsInt8WhereItIsFastestAndInaudible(_ set: InstructionSet) throws {
        let backend = try Backend(threads: 1, instructions: set, products: .packed)
        for effect in [Int8Effect.inaudible, .unknown] {
            let isInt8 = set.kernels.int8_is_fastest && effect == .inaudible
            let expected = isInt8 ? .int8 : backend.fastestPrecision
            #expect(backend.automaticPrecision(in: effect) == expected)
        }
    }

    @Test func defaultsAreThoseOfTheWeights() throws {
        #expect(try PrecisionChoice.ofModel.precision(in: .inaudible) == .float32)
        #expect(try PrecisionChoice.ofModel.precision(in: .none) == .int8)
        #expect(try PrecisionChoice.fastest.precision(in: .none) == .int8)
        #expect(try PrecisionChoice.fixed(.bfloat16).precision(in: .none) == .bfloat16)
    }
}
