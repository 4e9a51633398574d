// `swift-demucs compare`: where two sets of tensors part.

import Demucs
import Foundation
import Porting

extension Option {
    static let bound = Option(
        "bound", value: "dB",
        help: "Name the first tensor below this SNR. (default: that of --min-snr, or 60)")
    static let minSNR = Option(
        "min-snr", value: "dB", help: "Exit with 1 if a tensor is below this SNR, or missing.")
}

enum CompareCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "compare",
            overview: "Compare tensors or stems one by one, in the order of computation, and name "
                + "the first that is off.",
            operand: "reference found",
            operandHelp: "Files of tensors (.safetensors, .npy, .raw), folders of them, or folders "
                + "of stems. What only the second has is listed.",
            operandCount: 2...2,
            options: [.only, .minSNR, .bound, .json, .version, .help], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let minimum = try arguments.finiteNumber(.minSNR)
        let bound = try arguments.finiteNumber(.bound) ?? minimum ?? 60
        var worst = Double.infinity
        let code = try call.run {
            let report = try ComparisonReport(
                reference: TensorCollection(arguments.operands[0]),
                found: TensorCollection(arguments.operands[1]), only: call.patterns,
                boundSNRDecibels: bound,
                isCancelled: { call.cancellation.isCancelled })
            worst = report.worstSNRDecibels
            let text = CompareReport(report: report)
            console.result(arguments.has(.json) ? text.json : text.table)
        }
        guard code == .done, let minimum else { return code }
        return worst >= minimum ? .done : .trackFailed
    }
}

struct CompareReport {
    let report: ComparisonReport

    // MARK: - Table

    /// A row for each tensor; then the first below the bound, and what only one side has.
    var table: String {
        let rows = report.comparisons.filter { $0.foundShape != nil }.map(row)
        // The tensor, its shape and the first bad index; figures are between.
        var lines = TextTable.aligned([Self.columns] + rows, names: [0, 4, 5])
        let bound = figure(report.boundSNRDecibels, 0)
        if let first = report.firstBelow {
            let reason =
                first.isComparable
                ? "has \(decibels(first.snrDecibels)) dB"
                : "has the shape \(first.foundShape ?? []), expected \(first.shape)"
            lines.append("first below \(bound) dB: \(first.name) \(reason)")
        } else {
            let count = report.comparisons.count - report.missing.count
            lines.append("all \(count) at \(bound) dB or more")
        }
        if !report.missing.isEmpty {
            lines.append("missing: " + shortened(report.missing))
        }
        if !report.extra.isEmpty {
            lines.append("not in the reference: " + shortened(report.extra))
        }
        return lines.joined(separator: "\n")
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
            comparison.name, decibels(comparison.snrDecibels),
            scientific(comparison.maxAbsolute), scientific(comparison.relativeL2),
            shape(comparison.shape),
            comparison.firstBad.map { "[\($0.map(String.init).joined(separator: ", "))]" } ?? "-",
        ]
    }

    private func shape(_ sizes: [Int]) -> String { sizes.map(String.init).joined(separator: "×") }

    private func decibels(_ value: Double) -> String {
        value.isFinite ? figure(value, 1) : value > 0 ? "equal" : "none"
    }

    private func scientific(_ value: Double) -> String {
        value.isFinite ? String(format: "%.2e", value) : "-"
    }

    private func figure(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    // MARK: - JSON

    private struct Document: Encodable {
        struct Row: Encodable {
            let name: String
            let snrDb: Double
            let maxAbs: Double
            let relativeL2: Double
            let shape: [Int]
            /// Left out for a tensor that is missing.
            let foundShape: [Int]?
            /// Left out where no element is off.
            let firstBad: [Int]?
        }

        let boundDb: Double
        /// Left out where all reach the bound.
        let firstBelow: String?
        let tensors: [Row]
        let extra: [String]
    }

    /// An object with a row for each tensor; infinite decibels are the strings `Infinity` (equal) and
    /// `-Infinity` (not comparable).
    var json: String {
        JSONText.of(
            Document(
                boundDb: report.boundSNRDecibels, firstBelow: report.firstBelow?.name,
                tensors: report.comparisons.map {
                    .init(
                        name: $0.name, snrDb: $0.snrDecibels, maxAbs: $0.maxAbsolute,
                        relativeL2: $0.relativeL2, shape: $0.shape, foundShape: $0.foundShape,
                        firstBad: $0.firstBad)
                }, extra: report.extra))
    }
}
