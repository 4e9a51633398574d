import DemucsEngine
import Quantization
import System
import TestSupport
import Testing
import WeightsLoader

struct ReportTests {
    /// The stages of quantising a model of the fixtures, each cancelled if `cancelsAt` says so.
    private func quantize(
        _ source: RawCheckpoint, precision: Precision = .int8, cancelsAt stage: String? = nil,
        warn: (String) -> Void = { _ in }, report: (String) -> Void
    ) throws -> QuantizedModel {
        let cancellation = CancellationToken()
        return try ModelQuantization.quantize(
            source.open(), tracks: 0, segments: 4, precision: precision, measuresLayers: true,
            threads: 2, cancellation: cancellation, warn: warn,
            report: {
                let text: String? =
                    switch $0 {
                    case .calibrating(let done, let segments): "calibrating \(done) of \(segments)"
                    case .rounding(let done, _): done == 0 ? "rounding" : nil
                    case .measuring(let done, _): done == 0 ? "measuring" : nil
                    case .measuringModel: "measuring the model"
                    }
                guard let text else { return }
                report(text)
                if text == stage { cancellation.cancel() }
            }, open: { _ in throw CancellationError() }
        ).model
    }

    private static let stages =
        (0..<4).map { "calibrating \($0) of 4" } + ["rounding", "measuring", "measuring the model"]

    /// What `quantize` tells while it works, also of a file with an unknown argument.
    @Test func stagesAndWarningsAreReported() throws {
        var source = try RawCheckpoint(fixture: "base")
        try source.set("zeta", to: 1)
        var (stages, warnings): ([String], [String]) = ([], [])
        let model = try quantize(
            source, warn: { warnings.append($0) }, report: { stages.append($0) })
        #expect(warnings.count == 1 && warnings[0].hasPrefix("unknown argument zeta"))
        #expect(stages == Self.stages)
        #expect(!model.layers.isEmpty)
    }

    @Test(arguments: stages)
    func itEndsInTheStageInWhichItIsCancelled(stage: String) throws {
        let source = try RawCheckpoint(fixture: "base")
        var stages: [String] = []
        #expect(throws: CancellationError.self) {
            try quantize(source, cancelsAt: stage) { stages.append($0) }
        }
        #expect(stages.last == stage)
    }

    /// Each layer is measured rounded, also one that stays floats: its activations too in INT8, which adds noise.
    @Test func theNoiseOfEachLayerIsThatOfItsForm() throws {
        let source = try RawCheckpoint(fixture: "base")
        let (int8, floats) = (
            try quantize(source) { _ in }, try quantize(source, precision: .float32) { _ in }
        )
        for (layer, weights) in zip(int8.layers, floats.layers) {
            let (found, better) = (
                layer.outputSNRDecibels ?? .nan, weights.outputSNRDecibels ?? .nan
            )
            #expect(layer.tensor == weights.tensor && found.isFinite && better.isFinite)
            #expect(layer.form == .w8 ? found == better : found < better, "\(layer.tensor)")
        }
        #expect(int8.layers.count == floats.layers.count)
        #expect(Set(int8.layers.map(\.form)).isSuperset(of: [.w8, .w8a8]))
        #expect(int8.snrDecibels < floats.snrDecibels)
    }
}
