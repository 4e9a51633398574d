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
        (demucs, Int8Support.keepsSDR), (hybrid, .unmeasured), ("\(demucs)+\(demucs)", .keepsSDR),
        ("\(demucs)+\(hybrid)", .unmeasured),
        (path("models/waveform_lstm.safetensors"), .unmeasured),
        (path("roformer_files/two_stems.ckpt"), .unmeasured),
    ])
    func int8KeepsTheSDROfHTDemucsAlone(_ name: String, _ support: Int8Support) throws {
        #expect(try OpenedModel(ModelStore(environment: [:]).find(name)).int8Support == support)
    }

    @Test(arguments: [(demucs, Int8Support.keepsSDR), (hybrid, .unmeasured)])
    func aFollowerThatWasNotMeasuredMakesTheModelUnmeasured(_ path: String, _ support: Int8Support)
        throws
    {
        var files = ModelFiles(checkpoint: Self.demucs)
        files.followers = [ModelFiles.Follower(stem: "drums", files: ModelFiles(checkpoint: path))]
        #expect(try OpenedModel(files).int8Support == support)
    }

    @Test(arguments: [
        (PrecisionChoice.auto, Int8Support.keepsSDR, true, Precision.float32, Precision.int8),
        (.auto, .keepsSDR, true, .bfloat16, .int8), (.auto, .keepsSDR, false, .bfloat16, .bfloat16),
        (.auto, .unmeasured, true, .bfloat16, .bfloat16),
        (.auto, .unmeasured, true, .float32, .float32), (.auto, .stored, false, .float32, .int8),
        (.ofModel, .keepsSDR, true, .bfloat16, .float32),
        (.ofModel, .stored, false, .float32, .int8),
        (.fixed(.bfloat16), .stored, true, .float32, .bfloat16),
    ])
    func autoIsInt8WhereItIsMuchFasterAndKeepsTheSDR(
        _ choice: PrecisionChoice, _ support: Int8Support, _ int8IsMuchFaster: Bool,
        _ floats: Precision, _ expected: Precision
    ) {
        let precision = choice.precision(
            for: support, int8IsMuchFaster: int8IsMuchFaster, floats: floats)
        #expect(precision == expected)
    }
}
