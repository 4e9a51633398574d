// `swift-demucs quantize`: writes a model with INT8 weights.

import Demucs
import Diagnostics
import Quantization
import Runs
import System
import Tensor
import WeightsLoader

struct QuantizeCommand {
    private let arguments: ParsedArguments
    private let console: Console
    private let cancellation = Interruption.cancellation()
    private let output: String
    private let threads: Int
    private let segmentCount: Int
    /// Tracks for the calibration; nil without the option.
    private let calibrationTracks: [String]?
    private let precision: Precision

    init(_ arguments: ParsedArguments, _ console: Console) throws(UsageError) {
        self.arguments = arguments
        self.console = console
        output = try arguments.required(.outFile)
        threads = try arguments.threads()
        calibrationTracks = try Self.calibrationTracks(arguments, console)
        segmentCount = try arguments.number(.calibrationSamples, in: 1...10_000) ?? 50
        precision = try arguments.choice(.quantizedPrecision, of: Precision.allCases) ?? .int8
    }

    /// - Returns: `modelUnusable` if the model can't be read.
    func run() -> ExitCode {
        console.reporting(
            interruption: "interrupted; nothing was written", failure: .modelUnusable
        ) {
            // The work may take hours.
            for path in [output, arguments.value(.report)].compactMap(\.self) {
                try Self.checkWritable(path)
            }
            let checkpoint = try Checkpoint.open(
                arguments.operands[0], member: arguments.value(.member), toWrite: output)
            let tracks = calibrationTracks ?? []
            var display: CountDisplay?
            let (model, calibration) = try ModelQuantization.quantize(
                checkpoint, tracks: tracks.count, segments: segmentCount, precision: precision,
                measuresLayers: arguments.has(.report), threads: threads,
                cancellation: cancellation, warn: console.warning,
                report: { show($0, on: &display) }
            ) { index in
                try AudioInput(
                    path: tracks[index], spool: Spool { [cancellation] in cancellation.isCancelled }
                )
            }
            try model.write(to: output)
            let report = QuantizationReport(
                model: model, source: checkpoint, calibration: calibration)
            console.result(report.table)
            console.result(output)
            if let path = arguments.value(.report) {
                do {
                    try replaceFile(at: path, with: report.json.utf8)
                } catch {
                    throw WeightsError.fileUnwritable(path: path, reason: "\(error)")
                }
            }
            return .done
        }
    }

    /// - Throws: `WeightsError.fileUnwritable`.
    private static func checkWritable(_ path: String) throws(WeightsError) {
        do throws(SystemError) { try UnfinishedFile(path).discard() } catch {
            throw .fileUnwritable(path: path, reason: "\(error)")
        }
    }

    /// The sound files of `--calibrate`; nil without the option.
    ///
    /// - Throws: `UsageError` for a folder or a pattern without sound files.
    private static func calibrationTracks(
        _ arguments: ParsedArguments, _ console: Console
    ) throws(UsageError) -> [String]? {
        guard arguments.has(.calibrate) else { return nil }
        let operands = arguments.values(.calibrate).flatMap { value in
            // A comma may also be a part of one file's name.
            FilePath.status(value) == nil ? value.split(separator: ",").map(String.init) : [value]
        }
        let found = TrackDiscovery(operands)
        found.notes.forEach(console.status)
        if let problem = found.problems.first { throw UsageError(problem.text) }
        guard !found.tracks.isEmpty else {
            throw .invalidValue(.calibrate, value: "", allowed: "sound files or folders")
        }
        return found.tracks.map(\.path)
    }

    /// Prints a line at the beginning of each stage, and counts on a terminal.
    private func show(_ stage: ModelQuantization.Stage, on display: inout CountDisplay?) {
        switch stage {
        case .calibrating(let done, let count):
            let segments = count == 1 ? "segment" : "segments"
            show("Calibrating on \(count) \(segments)", "Segment", done, count, &display)
        case .rounding(let done, let count):
            show("Rounding the weights of \(count) layers", "Layer", done, count, &display)
        case .measuring(let done, let count):
            show("Measuring each of \(count) layers in INT8", "Layer", done, count, &display)
        case .measuringModel:
            display = nil
            console.status("Measuring the whole model")
        }
    }

    private func show(
        _ title: String, _ unit: String, _ done: Int, _ count: Int,
        _ display: inout CountDisplay?
    ) {
        if done == 0 {
            // Ends the last stage's counter before the next one begins.
            display = nil
            console.status(title)
            display = CountDisplay(console: console, unit: unit)
        }
        display?.update(done + 1, of: count)
    }
}

// MARK: - Options

extension Option {
    static let calibrate = Option(
        "calibrate", value: "files",
        help: "Music to calibrate on, instead of noise: sound files and folders of them, separated "
            + "by commas. Can be repeated.")
    static let calibrationSamples = Option(
        "samples", value: "n",
        help: "Segments of that music, 1 to 10000, spread over the files; each of htdemucs takes "
            + "2.8 MB of memory. (default: 50)")
    static let quantizedPrecision = Option(
        "precision", values: Precision.allCases.map(\.rawValue),
        help: "The precision that the file will run in, and in which its SNR is measured; bfloat16 "
            + "and float32 have only the weights in INT8. (default: int8)")
    static let report = Option(
        "report", value: "file",
        help: "Measure each layer on its own, with one pass of the network each, and write the "
            + "table as JSON.")
}

extension QuantizeCommand {
    static let command = Command(
        name: "quantize",
        overview: "Write a model with INT8 weights: a quarter of the size of float32 weights, half "
            + "that of the published files.",
        operand: "file",
        operandHelp: "A checkpoint: .safetensors, .th, demucs.cpp's .bin or .onnx.",
        topics: [
            "CALIBRATION": [.calibrate, .calibrationSamples],
            "OUTPUT": [.outFile, .quantizedPrecision, .report],
            "RUNNING": [.member, .threads] + Option.common,
        ],
        examples: [
            "swift-demucs quantize htdemucs.safetensors -o int8.safetensors --calibrate a.flac,b.flac":
                "The recommended call: calibrated on music like that to be separated."
        ]
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
        (TextTable.aligned(rows) + ["", summary]).joined(separator: "\n")
    }

    /// The titles of the columns, then a row for each tensor.
    private var rows: [[String]] {
        [["layer", "form", "bytes", "weights dB", "output dB"]]
            + model.layers.map { layer in
                [
                    layer.tensor, layer.form.rawValue, "\(layer.countBytes)",
                    layer.weightSNRDecibels.decibelText,
                    layer.outputSNRDecibels.map(\.decibelText) ?? "-",
                ]
            }
    }

    private var summary: String {
        let share = Double(model.countBytes) / Double(source.countBytes)
        return
            "\(model.countBytes) bytes, \((share * 100).fixed(0)) % of \(source.countBytes); SNR of "
            + "the worst stem \(model.snrDecibels.decibelText) dB"
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

    /// The number; null for an infinite SNR, which JSON can't express.
    private static func number(_ decibels: Double) -> ArgumentValue {
        decibels.isFinite ? .number((decibels * 100).rounded() / 100) : .null
    }
}
