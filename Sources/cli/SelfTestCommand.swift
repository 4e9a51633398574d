// `swift-demucs selftest`: compares the results of every set of kernels with PyTorch's.

import Demucs
import Diagnostics
import ModelZoo
import System
import Tensor

enum SelfTestCommand {
    /// Exits with `trackFailed` if a result differs too much from PyTorch's, `modelUnusable` if the
    /// vectors or the demo model are missing or don't match.
    static let command = Command(
        "selftest",
        overview: "Compare the results of every set of kernels that this machine can run with "
            + "PyTorch's.",
        options: [.json] + Option.common,
        examples: [
            "swift-demucs selftest": "Exits with 1 if a result is off on this machine."
        ]
    ) { arguments, console throws(UsageError) in
        Interruption.endsProcess(console)
        return console.reporting(failure: .modelUnusable) {
            let start = ContinuousClock.now
            var runs: [SelfTest.Run] = []
            let store = try ModelStore(ofProgramWith: nil, isOffline: true)
            let selfTest = try SelfTest(
                vectorsAt: try store.bundledFile("selftest.safetensors"),
                demoAt: try store.bundledFile("demo.safetensors"))
            for engine in SelfTest.Engine.available {
                console.status("Testing \(SelfTestReport.heading(engine).joined(separator: " "))")
                runs.append(
                    try selfTest.run(
                        engine, threads: countAvailableCores()))
            }
            let report = SelfTestReport(runs: runs, seconds: (ContinuousClock.now - start).seconds)
            if arguments.has(.json) {
                console.result(report.json)
            } else if console.isQuiet {
                for failure in report.failures { console.error(failure) }
            } else {
                console.result(report.table)
            }
            return report.passed ? .done : .trackFailed
        }
    }
}

struct SelfTestReport {
    let runs: [SelfTest.Run]
    let seconds: Double

    var passed: Bool { runs.allSatisfy(\.passed) }

    private var comparisons: [SelfTest.Comparison] { runs.flatMap(\.comparisons) }

    static func heading(_ engine: SelfTest.Engine) -> [String] {
        [engine.precision.rawValue, engine.instructionSet.name, engine.products.rawValue]
    }

    /// A sentence for each comparison that failed.
    var failures: [String] {
        runs.flatMap { run in
            let engine = SelfTestReport.heading(run.engine).joined(separator: " ")
            return run.comparisons.filter { !$0.passed }.map {
                "\($0.name), \(engine): \($0.snrDecibels.decibelText) dB against PyTorch, "
                    + "expected at least \($0.minimumSNRDecibels.decibelText) dB"
            }
        }
    }

    /// For each precision a block with a row for each vector and a column for each set of kernels;
    /// then a summary.
    var table: String {
        var lines: [String] = []
        for precision in Precision.allCases {
            lines += block(runs.filter { $0.engine.precision == precision && !$0.isSkipped })
        }
        for run in runs where run.isSkipped {
            let engine = SelfTestReport.heading(run.engine).joined(separator: " ")
            lines.append("skipped: \(engine): \(run.productsDescription)")
        }
        let blas = Set(
            runs.filter { $0.engine.products == .blas && !$0.isSkipped }.map(\.productsDescription))
        if !blas.isEmpty { lines.append("blas: \(blas.sorted().joined(separator: ", "))") }
        return (lines + [summary]).joined(separator: "\n")
    }

    private func block(_ runs: [SelfTest.Run]) -> [String] {
        let labelWidth = SelfTest.caseNames.reduce(18) { max($0, $1.count) }
        let headings = runs.map { SelfTestReport.heading($0.engine) }
        let width = headings.joined().reduce(6) { max($0, $1.count) }
        func line(_ label: String, _ cells: [String]) -> String {
            TextTable.line(label, width: labelWidth, cells, width: width)
        }
        let title = ["dB against PyTorch", "", ""]
        let top = title.indices.map { row in line(title[row], headings.map { $0[row] }) }
        return top
            + SelfTest.caseNames.enumerated().map { row, name in
                let results = runs.map { $0.comparisons[row] }
                let cells = results.map(\.snrDecibels.decibelText)
                return line(name, cells) + (results.allSatisfy(\.passed) ? "  pass" : "  FAIL")
            } + [""]
    }

    private var summary: String {
        let failed = comparisons.count { !$0.passed }
        let time = "\(seconds.fixed(1)) s"
        return failed == 0
            ? "passed: all \(comparisons.count) comparisons, in \(time)"
            : "FAILED: \(failed) of \(comparisons.count) comparisons, in \(time)"
    }

    // MARK: - JSON

    /// An object with engines and their comparisons. Decibels of equal results are the string
    /// `Infinity`, those of results that are not finite `-Infinity`.
    var json: String {
        let document: JSONObject = [
            "passed": passed, "seconds": seconds, "engines": runs.map(object),
        ]
        return JSONText.of(document)
    }

    private func object(_ run: SelfTest.Run) -> JSONObject {
        let comparisons = run.comparisons.map { comparison -> JSONObject in
            [
                "name": comparison.name, "decibels": comparison.snrDecibels,
                "least_decibels": comparison.minimumSNRDecibels, "passed": comparison.passed,
            ]
        }
        return [
            "precision": run.engine.precision.rawValue,
            "instruction_set": run.engine.instructionSet.name,
            "products": run.engine.products.rawValue,
            "products_description": run.productsDescription,
            "skipped": run.isSkipped, "passed": run.passed, "comparisons": comparisons,
        ]
    }
}
