// `swift-demucs quantize`: writes a model with INT8 weights.

import Demucs
import Diagnostics
import Files
import HTDemucs
import Quantization
import Tensor
import WeightsLoader

struct QuantizeCommand {
    private let arguments: ParsedArguments
    private let console: Console
    private let cancellation = Interruption.cancellation()
    private let output: String
    private let threads: Int
    private let segmentCount: Int
    private let targets: MixedPrecisionSearch.Targets

    init(_ arguments: ParsedArguments, _ console: Console) throws(UsageError) {
        self.arguments = arguments
        self.console = console
        output = try arguments.required(.outFile)
        threads = try arguments.threads()
        segmentCount = max(
            try arguments.number(.calibrationSamples, in: 1...10_000) ?? 50,
            arguments.values(.calibrate).count)
        var targets = MixedPrecisionSearch.Targets(measuresLayers: arguments.has(.report))
        if let precision = try arguments.choice(.quantizedPrecision, of: Precision.allCases) {
            targets.precision = precision
        }
        targets.maximumBytes = try arguments.number(
            .maxBytes, in: 1...Int.max, allowed: "a positive whole number")
        targets.minimumSNRDecibels = try arguments.finiteNumber(
            .leastSNR, allowed: "a number of decibels")
        self.targets = targets
    }

    /// - Returns: `modelUnusable` if the model can't be read or the targets can't be met.
    func run() -> ExitCode {
        console.reporting(
            interruption: "interrupted; nothing was written", failure: .modelUnusable
        ) {
            let checkpoint = try Checkpoint.open(
                arguments.operands[0], member: arguments.value(.member))
            let configuration = try Configuration.read(from: checkpoint).configuration
            let tracks = arguments.values(.calibrate)
            let segments =
                tracks.isEmpty
                ? CalibrationSegments(noiseFor: configuration)
                : try CalibrationSegments(
                    of: tracks, count: segmentCount, for: configuration,
                    on: Backend(threads: threads), cancellation: cancellation)
            let quantization = try ModelQuantization(
                checkpoint, calibration: segments.description, threads: threads)
            quantization.warnings.forEach(console.warning)
            let model = try quantization.run(
                mixes: segments.mixes, targets: targets, cancellation: cancellation, report: show)
            try model.write(to: output)
            let report = QuantizationReport(
                model: model, source: checkpoint, calibration: segments.description)
            if let path = arguments.value(.report) {
                do {
                    try replaceFile(at: path, with: report.json.utf8)
                } catch {
                    throw WeightsError.fileUnwritable(path: path, reason: "\(error)")
                }
            }
            console.result(report.table)
            console.result(output)
            return .done
        }
    }

    /// Prints a line at the beginning of each stage.
    private func show(_ stage: ModelQuantization.Stage) {
        switch stage {
        case .calibrating(let count):
            console.status("Calibrating on \(count) \(count == 1 ? "segment" : "segments")")
        case .rounding(let count): console.status("Rounding the weights of \(count) layers")
        case .measuring(let count): console.status("Measuring each of \(count) layers in INT8")
        case .choosing: console.status("Measuring the whole model")
        }
    }
}

// MARK: - Options

extension Option {
    static let calibrate = Option(
        "calibrate", value: "file",
        help: "Music to calibrate on, instead of noise. Can be repeated.")
    static let calibrationSamples = Option(
        "samples", value: "n",
        help: "Segments of that music, spread over the files. (default: 50)")
    static let leastSNR = Option(
        "min-snr", value: "dB",
        help: "Keep as many layers in 16 bits as this SNR of the worst stem against float32 needs.")
    static let quantizedPrecision = Option(
        "precision", value: "precision",
        help: "The precision that the file will run in, and in which its SNR is measured: int8, or "
            + "bfloat16 or float32 with only the weights in INT8. (default: int8)")
    static let maxBytes = Option(
        "max-bytes", value: "n", help: "The largest size of the file allowed.")
    static let report = Option(
        "report", value: "file",
        help: "Measure each layer on its own, with one pass of the network each, and write the "
            + "table as JSON.")
}

extension QuantizeCommand {
    static let command = Command(
        "quantize",
        overview: "Write a model with INT8 weights, at a quarter of the size.",
        operand: "file",
        operandHelp: "A checkpoint: .safetensors, .th, demucs.cpp's .bin or .onnx.",
        options: [
            .outFile, .calibrate, .calibrationSamples, .quantizedPrecision, .leastSNR, .maxBytes,
            .report, .member, .threads,
        ] + Option.common
    ) { arguments, console throws(UsageError) in
        try QuantizeCommand(arguments, console).run()
    }
}

// MARK: - Report

struct QuantizationReport {
    let model: QuantizedModel
    let source: Checkpoint
    let calibration: [String: ArgumentValue]

    /// A row for each tensor of weights, then a line for the whole model.
    var table: String {
        let heading = ["layer", "form", "bytes", "weights dB", "output dB"]
        let rows = model.layers.map { layer in
            [
                layer.tensor, layer.form.rawValue, "\(layer.countBytes)",
                layer.weightSNRDecibels.decibelText,
                layer.outputSNRDecibels.map(\.decibelText) ?? "-",
            ]
        }
        let share = Double(model.countBytes) / Double(source.countBytes)
        let sum =
            "\(model.countBytes) bytes, \((share * 100).fixed(0)) % of \(source.countBytes); SNR of "
            + "the worst stem \(model.snrDecibels.decibelText) dB"
        return (TextTable.aligned([heading] + rows) + ["", sum]).joined(separator: "\n")
    }

    var json: String {
        let report = ArgumentValue.object([
            "bytes": .integer(model.countBytes),
            "source": .string(source.path), "source_bytes": .integer(source.countBytes),
            "snr_db": Self.number(model.snrDecibels), "calibration": .object(calibration),
            "layers": .array(
                model.layers.map { layer in
                    .object([
                        "tensor": .string(layer.tensor), "form": .string(layer.form.rawValue),
                        "shape": .array(layer.shape.map(ArgumentValue.integer)),
                        "bytes": .integer(layer.countBytes),
                        "weights_snr_db": Self.number(layer.weightSNRDecibels),
                        "output_snr_db": layer.outputSNRDecibels.map(Self.number) ?? .null,
                    ])
                }),
        ])
        return (report.json ?? "{}") + "\n"
    }

    /// Null for an infinite SNR, which JSON can't express.
    private static func number(_ decibels: Double) -> ArgumentValue {
        decibels.isFinite ? .number((decibels * 100).rounded() / 100) : .null
    }
}
