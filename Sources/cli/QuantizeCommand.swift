// `swift-demucs quantize`: a model with INT8 weights.

import Demucs
import Diagnostics
import Foundation
import HTDemucs
import Quantization
import Tensor
import WeightsLoader

struct QuantizeCommand {
    let settings: Settings
    let console: Console
    let cancellation: CancellationToken

    /// - Returns: `modelUnusable` if the model can't be read, or not be quantised as wished.
    func run() -> ExitCode {
        do {
            let threads = settings.threads ?? ProcessInfo.processInfo.activeProcessorCount
            let checkpoint = try Checkpoint.open(settings.model, member: settings.member)
            let configuration = try Configuration.read(from: checkpoint).configuration
            let segments =
                settings.tracks.isEmpty
                ? CalibrationSegments(noiseFor: configuration)
                : try CalibrationSegments(
                    of: settings.tracks, count: settings.segments, for: configuration,
                    on: Backend(threads: threads), cancellation: cancellation)
            let quantization = try ModelQuantization(
                checkpoint, calibration: segments.description, threads: threads)
            quantization.warnings.forEach(console.warning)
            let model = try quantization.run(
                mixes: segments.mixes, targets: settings.targets, cancellation: cancellation,
                report: tell)
            try model.write(to: settings.output)
            let report = QuantizationReport(
                model: model, source: checkpoint, calibration: segments.description)
            if let path = settings.report {
                try Data(report.json.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            }
            console.result(report.table)
            console.result(settings.output)
            return .done
        } catch is CancellationError {
            console.error("interrupted; nothing was written")
            return .interrupted
        } catch {
            console.error("\(error)")
            return .modelUnusable
        }
    }

    /// Told at the beginning of each stage.
    private func tell(_ stage: ModelQuantization.Stage) {
        switch stage {
        case .calibrating(let segment, let count) where segment == 0:
            console.status("Calibrating on \(count) \(count == 1 ? "segment" : "segments")")
        case .rounding(let layer, let count) where layer == 0:
            console.status("Rounding the weights of \(count) layers")
        case .measuring(let layer, let count) where layer == 0:
            console.status("Measuring each of \(count) layers in INT8")
        case .choosing:
            console.status("Measuring the whole model")
        default: break
        }
    }
}

extension Option {
    static let quantizeOut = Option(
        "out", short: "o", value: "file", help: "The safetensors file to write. (required)")
    static let calibrate = Option(
        "calibrate", value: "file",
        help: "Music to fit codes and biases to, instead of noise; may be given several times.")
    static let calibrationSamples = Option(
        "samples", value: "n",
        help: "Segments of that music, spread over the files. (default: 50)")
    static let leastSNR = Option(
        "min-snr", value: "dB",
        help: "Keep in 16 bits what it takes for this SNR of the worst stem against float32.")
    static let quantizedPrecision = Option(
        "precision", value: "precision",
        help:
            "What the file is to run in: int8, or bfloat16 or float32 with INT8 weights alone. The "
            + "SNR is measured in it. (default: int8)")
    static let maxBytes = Option("max-bytes", value: "n", help: "The size of the file at most.")
    static let report = Option(
        "report", value: "file",
        help: "Measure each layer alone, a pass of the network each, and write the table as JSON.")
}

extension QuantizeCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "quantize",
            overview: "Write a model with INT8 weights, a quarter of the size.",
            operand: "file",
            operandHelp: "A checkpoint: .safetensors, .th, demucs.cpp's .bin or .onnx.",
            operandCount: 1...1,
            options: [
                .quantizeOut, .calibrate, .calibrationSamples, .quantizedPrecision, .leastSNR,
                .maxBytes, .report, .member, .threads, .quiet, .version, .help,
            ],
            exclusive: [])
    ) { arguments, console throws(UsageError) in
        let settings = try Settings(arguments)
        var console = console
        console.isQuiet = arguments.has(.quiet)
        let cancellation = CancellationToken()
        Interruption.cancels(cancellation)
        return QuantizeCommand(
            settings: settings, console: console, cancellation: cancellation
        ).run()
    }

    /// What a call asks for.
    struct Settings {
        let model: String
        let member: String?
        let output: String
        /// Sound files to calibrate on.
        let tracks: [String]
        let segments: Int
        let targets: ModelQuantization.Targets
        /// Where the table goes as JSON.
        let report: String?
        /// nil for all cores.
        let threads: Int?

        init(_ arguments: ParsedArguments) throws(UsageError) {
            guard let output = arguments.value(.quantizeOut), !output.isEmpty else {
                throw .missingValue(.quantizeOut)
            }
            self.output = output
            model = arguments.operands[0]
            member = arguments.value(.member)
            tracks = arguments.values(.calibrate)
            report = arguments.value(.report)
            threads = try arguments.number(.threads, in: Separator.supportedThreads)
            let segments = try arguments.number(.calibrationSamples, in: 1...10_000)
            self.segments = max(segments ?? 50, tracks.count)
            var targets = ModelQuantization.Targets(measuresLayers: report != nil)
            if let name = arguments.value(.quantizedPrecision) {
                guard let precision = Precision(rawValue: name) else {
                    throw .invalidValue(
                        .quantizedPrecision, value: name,
                        allowed: "one of "
                            + Precision.allCases.map(\.rawValue).joined(separator: ", "))
                }
                targets.precision = precision
            }
            targets.mostBytes = try arguments.number(
                .maxBytes, in: 1...Int.max, allowed: "a whole number from 1 on")
            targets.leastDecibels = try arguments.finiteNumber(
                .leastSNR, allowed: "a number of decibels")
            self.targets = targets
        }
    }
}

struct QuantizationReport {
    let model: QuantizedModel
    let source: Checkpoint
    let calibration: [String: ArgumentValue]

    /// A row for each tensor of weights, and the whole model below.
    var table: String {
        let heading = ["layer", "form", "bytes", "weights dB", "output dB"]
        let rows = model.layers.map { layer in
            [
                layer.tensor, layer.form.rawValue, "\(layer.countBytes)",
                Self.figure(layer.weightDecibels),
                layer.outputDecibels.map(Self.figure) ?? "-",
            ]
        }
        let sum =
            "\(model.countBytes) bytes, a part of \(Self.share(model.countBytes, source.countBytes))"
            + " of \(source.countBytes); SNR of the worst stem \(Self.figure(model.decibels)) dB"
        return (TextTable.aligned([heading] + rows) + ["", sum]).joined(separator: "\n")
    }

    var json: String {
        let report = ArgumentValue.object([
            "bytes": .integer(model.countBytes),
            "source": .string(source.path), "source_bytes": .integer(source.countBytes),
            "snr_db": Self.number(model.decibels), "calibration": .object(calibration),
            "layers": .array(
                model.layers.map { layer in
                    .object([
                        "tensor": .string(layer.tensor), "form": .string(layer.form.rawValue),
                        "shape": .array(layer.shape.map(ArgumentValue.integer)),
                        "bytes": .integer(layer.countBytes),
                        "weights_snr_db": Self.number(layer.weightDecibels),
                        "output_snr_db": layer.outputDecibels.map(Self.number) ?? .null,
                    ])
                }),
        ])
        return (report.json ?? "{}") + "\n"
    }

    /// JSON has no text for an infinite SNR.
    private static func number(_ decibels: Double) -> ArgumentValue {
        decibels.isFinite ? .number((decibels * 100).rounded() / 100) : .null
    }

    private static func figure(_ decibels: Double) -> String {
        decibels.isFinite ? String(format: "%.1f", decibels) : "equal"
    }

    private static func share(_ part: Int, _ whole: Int) -> String {
        String(format: "%.2f", Double(part) / Double(whole))
    }
}
