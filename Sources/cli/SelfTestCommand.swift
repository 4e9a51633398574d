// `swift-demucs selftest`: does this machine compute what PyTorch computes?

import Foundation
import Separation
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
