// `swift-demucs compare`: compares two sets of tensors and names the wrong ones.

import Demucs
import Porting
import System

extension Option {
    static let bound = Option(
        "bound", value: "dB",
        help: "A right value has this SNR. (default: that of --min-snr; else what rounding errors "
            + "leave in a network's values, and 60 without --name)")
    static let like = Option(
        "like", value: "found",
        help:
            "The values of a right port in the same precision, such as a trace with --precision: a "
            + "value is right if its SNR is at most 10 dB lower than there, or than the median there."
    )
    static let values = Option(
        "values", value: "folder",
        help: "Also write the second's values under the network's names and in the first's axes, "
            + "and the network's inputs that it lacks, to .npy files in this new folder; those "
            + "that are right as they are get a link.")
    static let minSNR = Option(
        "min-snr", value: "dB", help: "As --bound; a missing tensor is wrong too.")
    static let comparedName = Option(
        "name", short: "n", value: "model",
        help:
            "Judge the values inside this model: compute each by the engine from the second's own "
            + "values before it; 'own dB' is the SNR against that. (default: plain SNRs)")
}

enum CompareCommand {
    static let command = Command(
        name: "compare",
        overview: "Compare tensors or stems one by one, in the order of computation, and name "
            + "the wrong ones.",
        operand: "reference found",
        operandHelp:
            "Files of tensors (.safetensors, .npy, .npz, .raw), folders of them, or folders "
            + "of stems. Tensors only in the second are listed. The exit code is 1 if a tensor is "
            + "wrong, 2 for files that can't be compared.",
        topics: [
            "COMPARISON": [
                .comparedName, .only, .minSNR, .bound, .like, .precision, .threads, .repo, .offline,
            ],
            "OUTPUT": [.values, .json, .version, .help],
        ],
        examples: [
            "swift-demucs compare trace.safetensors mine.safetensors -n htdemucs":
                "Checks a port against the engine, and names the wrong layers.",
            "swift-demucs compare separated/htdemucs/song other/song": "Two folders of stems.",
        ]
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let minimum = try arguments.finiteNumber(.minSNR)
        let bound = try arguments.finiteNumber(.bound) ?? minimum
        let precision = try arguments.precisionChoice()
        let threads = try arguments.threads()
        if let option = [.like, .precision].first(where: arguments.has), !arguments.has(.name) {
            throw .onlyFor(option, "--name")
        }
        var isRight = true
        let code = call.run {
            if let path = arguments.value(.values), path.isEmpty || !FilePath.isMissing(path) {
                throw PortingError.unusable(
                    path: path, problem: "is no new folder; give the path of one")
            }
            let reference = try TensorCollection(arguments.operands[0])
            let found = try TensorCollection(arguments.operands[1])
            let judge = try call.judge(reference, precision, threads: threads)
            let report = try ComparisonReport(
                reference: reference, found: found, only: call.patterns, bound: bound,
                needsAll: minimum != nil,
                like: arguments.value(.like).map { try TensorCollection($0) },
                judge: judge, isCancelled: { call.cancellation.isCancelled })
            isRight = report.wrong.isEmpty
            if let path = arguments.value(.values) { try report.write(valuesTo: path) }
            let text = CompareReport(report: report)
            console.result(arguments.has(.json) ? text.json : text.table)
            if judge == nil, let model = reference.model {
                console.status(
                    "The first is a trace of \(model.name.printable()): -n \(model.name.printable()) "
                        + "judges each value by the port's own inputs.")
            }
        }
        // 1 is for wrong tensors alone.
        if code == .trackFailed { return .wrongUsage }
        return code == .done && !isRight ? .trackFailed : code
    }
}

struct CompareReport {
    let report: ComparisonReport

    // MARK: - Table

    /// A row for each tensor; then the wrong ones, and tensors of one side only.
    var table: String {
        (TextTable.aligned(rows, names: nameColumns) + summaryLines).joined(separator: "\n")
    }

    /// The titles of the columns, then a row for each tensor of both sides.
    private var rows: [[String]] { [columns] + report.compared.map(row) }

    private var columns: [String] {
        ["tensor", "SNR dB"] + (report.isJudged ? ["own dB"] : [])
            + ["max abs", "rel L2", "shape", "first bad"]
    }

    /// Left-aligned columns: the tensor, its shape and the first bad index.
    private var nameColumns: Set<Int> { [0, columns.count - 2, columns.count - 1] }

    private func row(_ comparison: TensorComparison) -> [String] {
        let own = report.isJudged ? [comparison.ownDecibels?.decibelText ?? ""] : []
        let name = comparison.name.printable()
        guard comparison.isComparable else {
            let found = shape(comparison.foundShape ?? [])
            return [name, "none"] + own.map { _ in "" }
                + ["", "", "\(found) instead of \(shape(comparison.shape))", ""]
        }
        return [name, comparison.snrDecibels.decibelText] + own + [
            scientific(comparison.maxAbsolute), scientific(comparison.relativeL2),
            shape(comparison.shape),
            comparison.firstBad.map { "[\($0.map(String.init).joined(separator: ", "))]" } ?? "-",
        ]
    }

    private func shape(_ sizes: [Int]) -> String { sizes.map(String.init).joined(separator: "×") }

    private func scientific(_ value: Double) -> String {
        value.isFinite ? value.scientific(2) : "-"
    }

    /// The wrong tensors, what bound the others have, and tensors of one side only.
    private var summaryLines: [String] {
        var lines = report.wrong.filter { $0.foundShape != nil }.map { wrong in
            "wrong: \(wrong.name.printable()) \(level(of: wrong))"
        }
        let rounded = report.compared.filter { $0.isRounded && !$0.isWrong }
        if let first = rounded.first, let remark = first.remark {
            let others = rounded.count > 1 ? ", as \(rounded.count - 1) others" : ""
            lines.append(
                "\(first.name.printable()) \(remark)\(others): compare with --like, the trace of a "
                    + "right port in that precision")
        }
        let compared = report.compared
        let levels = compared.compactMap(\.ownDecibels).sorted()
        if 2 * report.wrong.count > compared.count,
            let middle = levels.dropFirst(levels.count / 2).first, Self.rounding ~= middle
        {
            lines.append(
                "Most values have the level of one that rounds to INT8 or 16 bits: compare with "
                    + "--like, the trace of a right port in that precision, or with --precision")
        }
        lines.append("\(compared.count) of \(report.comparisons.count) compared")
        if report.wrong.isEmpty, let worst = closest {
            lines[lines.count - 1] +=
                margin(worst) == .infinity
                ? ", all equal"
                : ", all right; the closest to its bound: \(worst.name.printable()) "
                    + level(of: worst)
        }
        if !report.unjudged.isEmpty {
            lines[lines.count - 1] += "; \(report.unjudged.count) not judged"
        }
        lines += report.unjudged.map { value in
            "not judged: \(value.name.printable())" + (value.unjudged ?? "")
        }
        let reordered = report.compared.filter(\.isReordered)
        if let first = reordered.first {
            lines.append(
                "\(reordered.count) values have their axes in another order: "
                    + "\(first.name.printable()) is compared as \(first.shape)")
        }
        if !report.renamed.isEmpty {
            let (ours, theirs) = report.renamed.min { $0.key < $1.key } ?? ("", "")
            lines.append(
                "\(report.renamed.count) names of the second are spelled otherwise: "
                    + "\(theirs.printable()) for \(ours.printable())")
        }
        if !report.missing.isEmpty { lines.append("missing: " + shortened(report.missing)) }
        if !report.extra.isEmpty {
            lines.append("not in the reference: " + shortened(report.extra))
        }
        return lines
    }

    /// The SNR in dB of the middle value of a port that rounds.
    private static let rounding = 15.0...70

    /// The right value with the least above its bound.
    private var closest: TensorComparison? {
        report.compared.filter { !$0.isRounded && $0.unjudged == nil }.min {
            margin($0) < margin($1)
        }
    }

    private func margin(_ comparison: TensorComparison) -> Double {
        (comparison.ownDecibels ?? comparison.snrDecibels) - comparison.boundDecibels
    }

    /// Such as "has 85.6 dB, 61.2 dB from its own inputs, expected 105 dB".
    private func level(of comparison: TensorComparison) -> String {
        guard comparison.isComparable else {
            return "has the shape \(comparison.foundShape ?? []), expected \(comparison.shape)"
        }
        if let remark = comparison.remark,
            !comparison.snrDecibels.isFinite || remark == "is all zeros"
        {
            return remark
        }
        func level(_ decibels: Double) -> String {
            decibels.isFinite ? "\(decibels.decibelText) dB" : decibels > 0 ? "no error" : "no SNR"
        }
        let own = comparison.ownDecibels.map { ", \(level($0)) from its own inputs" } ?? ""
        return "has \(level(comparison.snrDecibels))\(own), expected "
            + "\(comparison.boundDecibels.fixed(0)) dB"
            + (comparison.remark.map { ", \($0)" } ?? "")
    }

    private func shortened(_ names: [String]) -> String {
        names.prefix(20).map { $0.printable() }.joined(separator: ", ")
            + (names.count > 20 ? ", …" : "")
    }

    // MARK: - JSON

    /// An object with a row for each tensor. Infinite decibels are the strings `Infinity` (equal)
    /// and `-Infinity` (not comparable). `found_shape` is left out for a missing tensor, `first_bad`
    /// if no element is bad, `own_snr_db` for tensors that no network was asked about, `remark` if
    /// there is none. `renamed` has the second's own names by the first's, `unjudged` the names of values
    /// whose bound rounding errors leave below 40 dB, and `text` is the report without `--json`.
    var json: String {
        let tensors = report.comparisons.map { comparison -> JSONObject in
            [
                "name": comparison.name, "snr_db": comparison.snrDecibels,
                "own_snr_db": comparison.ownDecibels, "bound_db": comparison.boundDecibels,
                "max_abs": comparison.maxAbsolute, "relative_l2": comparison.relativeL2,
                "shape": comparison.shape, "found_shape": comparison.foundShape,
                "first_bad": comparison.firstBad, "remark": comparison.remark,
            ]
        }
        let wrong = report.wrong.map { comparison -> JSONObject in
            [
                "name": comparison.name, "snr_db": comparison.snrDecibels,
                "own_snr_db": comparison.ownDecibels ?? JSON.null,
            ]
        }
        let document: JSONObject = [
            "wrong": wrong, "compared": report.compared.count,
            "expected": report.comparisons.count, "tensors": tensors, "extra": report.extra,
            "renamed": report.renamed, "unjudged": report.unjudged.map(\.name), "text": table,
        ]
        return JSONText.of(document)
    }
}
