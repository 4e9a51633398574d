import DemucsEngine
import Quantization
import System
import TestSupport
import Testing
import WeightsLoader

struct ReportTests {
    /// What `quantize` tells while it works, also of a file with an unknown argument.
    @Test func stagesAndWarningsAreReported() throws {
        var source = try RawCheckpoint(fixture: "base")
        try source.set("zeta", to: 1)
        var stages: [String] = []
        var warnings: [String] = []
        let (model, _) = try ModelQuantization.quantize(
            source.open(), tracks: 0, segments: 4, measuresLayers: true, threads: 2,
            cancellation: CancellationToken(), warn: { warnings.append($0) },
            report: {
                switch $0 {
                case .calibrating(let done, let segments):
                    stages.append("calibrating \(done) of \(segments)")
                case .rounding(let done, _): if done == 0 { stages.append("rounding") }
                case .measuring(let done, _): if done == 0 { stages.append("measuring") }
                case .measuringModel: stages.append("measuring the model")
                }
            }, open: { _ in throw CancellationError() })
        #expect(warnings.count == 1 && warnings[0].hasPrefix("unknown argument zeta"))
        #expect(
            stages == (0..<4).map { "calibrating \($0) of 4" }
                + ["rounding", "measuring", "measuring the model"])
        #expect(!model.layers.isEmpty)
    }
}
