// `swift-demucs compare`: compares two sets of tensors and names the one with the fault.

import Demucs
import Porting
import System

extension Option {
    static let bound = Option(
        "bound", value: "dB",
        help: "A right value has this SNR. (default: that of --min-snr; else 60 for stems, and for "
            + "values inside a network what a float32 port reaches: 105, less for large values "
            + "that are normalised)")
    static let like = Option(
        "like", value: "found",
        help:
            "The values of a right port in the same precision, such as a trace with --precision: a "
            + "value is right if its SNR is at most 10 dB lower than there, or than the median there."
    )
    static let replay = Option(
        "replay",
        help: "Each value of the second was computed from the first's own values "
            + "(reference/onnx_trace.py --replay): name all wrong ones.")
    static let caseFolder = Option(
        "case", value: "folder",
        help: "Write the layer with the fault to a new folder: its input, weights, expected and "
            + "found output (safetensors and .npy), and case.py, which computes it in NumPy, "
            + "PyTorch and ONNX Runtime.")
    static let minSNR = Option(
        "min-snr", value: "dB", help: "Exit with 1 if a tensor is missing or below this SNR.")
}

enum CompareCommand {
    static let command = Command(
        name: "compare",
        overview: "Compare tensors or stems one by one, in the order of computation, and name "
            + "the one with the fault.",
        operand: "reference found",
        operandHelp: "Files of tensors (.safetensors, .npy, .raw), folders of them, or folders "
            + "of stems. Tensors only in the second are listed. The exit code is 1 if a value "
            + "inside a network is wrong although what feeds it is right.",
        topics: [
            "COMPARISON": [.only, .minSNR, .bound, .like, .replay, .portedName, .repo, .offline],
            "OUTPUT": [.caseFolder, .json, .version, .help],
        ],
        examples: [
            "swift-demucs compare trace.safetensors mine.safetensors":
                "Checks a port against the engine, and names the layer with the fault.",
            "swift-demucs compare separated/htdemucs/song other/song": "Two folders of stems.",
        ]
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let minimum = try arguments.finiteNumber(.minSNR)
        let bound = try arguments.finiteNumber(.bound) ?? minimum
        var isRight = true
        let code = call.run {
            let reference = try TensorCollection(arguments.operands[0])
            let found = try TensorCollection(arguments.operands[1])
            let report = try ComparisonReport(
                reference: reference, found: found, only: call.patterns, bound: bound,
                like: arguments.value(.like).map { try TensorCollection($0) },
                isReplayed: arguments.has(.replay),
                model: { try call.model(of: reference) },
                isCancelled: { call.cancellation.isCancelled })
            if let folder = arguments.value(.caseFolder) {
                let model = try report.cliff.flatMap { _ in try call.model(of: reference) }
                if let layer = try CaseFolder(
                    of: report, reference: reference, found: found, model: model)
                {
                    try layer.write(to: folder)
                    console.status("Wrote \(FilePath.joined(folder, "case.py"))")
                } else {
                    console.status("No layer is wrong, so there is no case.")
                }
            }
            isRight = report.cliffs.isEmpty && report.worstSNRDecibels >= minimum ?? -.infinity
            let text = CompareReport(report: report)
            console.result(arguments.has(.json) ? text.json : text.table)
        }
        return code == .done && !isRight ? .trackFailed : code
    }
}

struct CompareReport {
    let report: ComparisonReport

    // MARK: - Table

    /// A row for each tensor; then the first tensor below the bound, and tensors of one side only.
    var table: String {
        (TextTable.aligned(rows, names: Self.nameColumns) + summaryLines).joined(separator: "\n")
    }

    /// The titles of the columns, then a row for each tensor of both sides.
    private var rows: [[String]] {
        [Self.columns] + report.comparisons.filter { $0.foundShape != nil }.map(row)
    }

    /// Left-aligned columns: the tensor, its shape and the first bad index.
    private static let nameColumns: Set = [0, 4, 5]

    /// Where the error begins, and tensors of one side only.
    private var summaryLines: [String] {
        var lines: [String] = []
        for cliff in report.cliffs {
            let begins = cliff.comparison.name == report.cliff?.comparison.name
            lines.append((begins ? "cliff: " : "wrong too: ") + text(of: cliff))
            if let explanation = cliff.explanation {
                lines.append(
                    "  it is \(explanation.text): \(explanation.snrDecibels.decibelText) dB")
            }
        }
        if report.cliffs.isEmpty, report.comparisons.contains(where: { $0.likeDecibels != nil }) {
            lines.append("no value is worse than a right port's by more than 10 dB")
        } else if report.cliffs.isEmpty {
            let bound = report.boundSNRDecibels.fixed(0)
            if let first = report.firstBelow {
                lines.append("first below \(bound) dB: \(first.name) \(level(of: first))")
            } else {
                let count = report.comparisons.count - report.missing.count
                lines.append("all \(count) at \(bound) dB or more")
            }
        }
        if !report.missing.isEmpty {
            lines.append("missing: " + shortened(report.missing))
        }
        if !report.extra.isEmpty {
            lines.append("not in the reference: " + shortened(report.extra))
        }
        return lines
    }

    private func text(of cliff: Cliff) -> String {
        let fed = cliff.fedDecibels
        return "\(cliff.comparison.name) \(level(of: cliff.comparison))"
            + (fed == .infinity ? "" : ", what feeds it \(fed.decibelText) dB")
            + (cliff.comparison.likeDecibels.map { ", a right port \($0.decibelText) dB" } ?? "")
    }

    private func level(of comparison: TensorComparison) -> String {
        comparison.isComparable
            ? "has \(comparison.snrDecibels.decibelText) dB"
            : "has the shape \(comparison.foundShape ?? []), expected \(comparison.shape)"
    }

    private func shortened(_ names: [String]) -> String {
        names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
    }

    private static let columns = ["tensor", "SNR dB", "max abs", "rel L2", "shape", "first bad"]

    private func row(_ comparison: TensorComparison) -> [String] {
        guard comparison.isComparable else {
            let found = shape(comparison.foundShape ?? [])
            return [
                comparison.name, "none", "", "", "\(found) instead of \(shape(comparison.shape))",
                "",
            ]
        }
        return [
            comparison.name, comparison.snrDecibels.decibelText,
            scientific(comparison.maxAbsolute), scientific(comparison.relativeL2),
            shape(comparison.shape),
            comparison.firstBad.map { "[\($0.map(String.init).joined(separator: ", "))]" } ?? "-",
        ]
    }

    private func shape(_ sizes: [Int]) -> String { sizes.map(String.init).joined(separator: "×") }

    private func scientific(_ value: Double) -> String {
        value.isFinite ? value.scientific(2) : "-"
    }

    // MARK: - JSON

    /// An object with a row for each tensor. Infinite decibels are the strings `Infinity` (equal,
    /// or fed by nothing) and `-Infinity` (not comparable). `found_shape` is left out for a missing
    /// tensor, `first_bad` if no element is bad, `like_snr_db` without `--like`, `first_below` if all
    /// tensors reach the bound.
    /// `cliff` is null if no error begins.
    var json: String {
        let tensors = report.comparisons.map { comparison -> JSONObject in
            [
                "name": comparison.name, "snr_db": comparison.snrDecibels,
                "max_abs": comparison.maxAbsolute, "relative_l2": comparison.relativeL2,
                "shape": comparison.shape, "found_shape": comparison.foundShape,
                "first_bad": comparison.firstBad, "like_snr_db": comparison.likeDecibels,
            ]
        }
        let document: JSONObject = [
            "bound_db": report.boundSNRDecibels, "first_below": report.firstBelow?.name,
            "cliff": report.cliff.map(object) ?? JSON.null, "cliffs": report.cliffs.map(object),
            "tensors": tensors, "extra": report.extra,
        ]
        return JSONText.of(document)
    }

    /// `explanation` is null if none was found.
    private func object(_ cliff: Cliff) -> JSONObject {
        [
            "name": cliff.comparison.name, "snr_db": cliff.comparison.snrDecibels,
            "fed_snr_db": cliff.fedDecibels,
            "explanation": cliff.explanation.map { explanation -> JSONObject in
                ["text": explanation.text, "snr_db": explanation.snrDecibels]
            } ?? JSON.null,
        ]
    }
}
