// `swift-demucs selftest`: does this machine compute what PyTorch computes?

import Demucs
import Diagnostics
import Foundation
import Tensor

struct SelfTestCommand {
    let isJSON: Bool
    let console: Console

    static let definition = CommandDefinition(
        name: "selftest",
        overview:
            "Compare what this machine computes with PyTorch's results, for every set of kernels "
            + "that it can run.",
        operand: "", operandHelp: "", operandCount: 0...0,
        options: [.json, .quiet, .version, .help], exclusive: [])

    static let command = Command(definition: definition) { arguments, console throws(UsageError) in
        var console = console
        console.isQuiet = arguments.has(.quiet)
        Interruption.ends(console)
        return SelfTestCommand(isJSON: arguments.has(.json), console: console).run()
    }

    /// - Returns: `trackFailed` if a result is too far from PyTorch's, `modelUnusable` if the
    ///   vectors or the demo model are not there or don't fit each other.
    func run() -> ExitCode {
        let start = ContinuousClock.now
        var runs: [SelfTest.Run] = []
        do {
            let selfTest = try SelfTest(
                vectorsAt: try ModelLocator.bundledFile("selftest.safetensors"),
                demoAt: try ModelLocator.bundledFile("demo.safetensors"))
            for engine in SelfTest.Engine.available {
                console.status("Testing \(SelfTestReport.heading(engine).joined(separator: " "))")
                runs.append(
                    try selfTest.run(
                        engine, threads: ProcessInfo.processInfo.activeProcessorCount))
            }
        } catch {
            console.error("\(error)")
            return .modelUnusable
        }
        let report = SelfTestReport(runs: runs, seconds: (ContinuousClock.now - start).seconds)
        console.result(isJSON ? report.json : report.table)
        return report.passed ? .done : .trackFailed
    }
}

struct SelfTestReport {
    let runs: [SelfTest.Run]
    let seconds: Double

    var passed: Bool { runs.allSatisfy(\.passed) }

    private var comparisons: [SelfTest.Comparison] { runs.flatMap(\.comparisons) }

    static func heading(_ engine: SelfTest.Engine) -> [String] {
        [engine.precision.rawValue, engine.instructionSet.rawValue, engine.products.rawValue]
    }

    /// For each precision a row for each vector and a column for each set of kernels; then a line
    /// that sums up.
    var table: String {
        var lines: [String] = []
        for precision in Precision.allCases {
            lines += block(runs.filter { $0.engine.precision == precision && !$0.isSkipped })
        }
        for run in runs where run.isSkipped {
            let engine = SelfTestReport.heading(run.engine).joined(separator: " ")
            lines.append("left out: \(engine): \(run.productsDescription)")
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
            let label = label + String(repeating: " ", count: max(0, labelWidth - label.count))
            return cells.reduce(label) { line, cell in
                line + "  " + String(repeating: " ", count: max(0, width - cell.count)) + cell
            }
        }
        let title = ["dB against PyTorch", "", ""]
        let top = title.indices.map { row in line(title[row], headings.map { $0[row] }) }
        return top
            + SelfTest.caseNames.enumerated().map { row, name in
                let results = runs.map { $0.comparisons[row] }
                let cells = results.map { SelfTestReport.figure($0.snrDecibels) }
                return line(name, cells) + (results.allSatisfy(\.passed) ? "  pass" : "  FAIL")
            } + [""]
    }

    private var summary: String {
        let failed = comparisons.count { !$0.passed }
        let time = String(format: "%.1f s", seconds)
        return failed == 0
            ? "passed: all \(comparisons.count) comparisons, in \(time)"
            : "FAILED: \(failed) of \(comparisons.count) comparisons, in \(time)"
    }

    private static func figure(_ decibels: Double) -> String {
        decibels.isFinite ? String(format: "%.1f", decibels) : decibels > 0 ? "equal" : "none"
    }

    // MARK: - JSON

    private struct Document: Encodable {
        struct Engine: Encodable {
            let precision: String
            let instructionSet: String
            let products: String
            let productsDescription: String
            let skipped: Bool
            let passed: Bool
            let comparisons: [Comparison]
        }

        struct Comparison: Encodable {
            let name: String
            let decibels: Double
            let leastDecibels: Double
            let passed: Bool
        }

        let passed: Bool
        let seconds: Double
        let engines: [Engine]
    }

    /// An object of engines and their comparisons; decibels of equal results are the string
    /// `Infinity`, of results that are not finite `-Infinity`.
    var json: String {
        JSONText.of(
            Document(
                passed: passed, seconds: seconds,
                engines: runs.map { run in
                    .init(
                        precision: run.engine.precision.rawValue,
                        instructionSet: run.engine.instructionSet.rawValue,
                        products: run.engine.products.rawValue,
                        productsDescription: run.productsDescription, skipped: run.isSkipped,
                        passed: run.passed,
                        comparisons: run.comparisons.map {
                            .init(
                                name: $0.name, decibels: $0.snrDecibels,
                                leastDecibels: $0.minimumSNRDecibels, passed: $0.passed)
                        })
                }))
    }
}
