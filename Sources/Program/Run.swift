import CLI
import Service
import System

/// Runs the command with the arguments of this process, as `main` does.
///
/// - Returns: the process's exit code.
@c(sd_main)
public func runCommand() -> Int32 {
    run(Array(programArguments().dropFirst()), gate: { _, _ in })
}

/// Runs `swift-demucs serve` with a gate for its jobs and the arguments of this process, for tests.
///
/// - Returns: the process's exit code.
package func serve(gate: @escaping ServiceSettings.Gate) -> Int32 {
    run(["serve"] + programArguments().dropFirst(), gate: gate)
}

private func run(_ words: [String], gate: @escaping ServiceSettings.Gate) -> Int32 {
    openStandardDescriptors()
    return CommandLineTool { arguments, console throws(UsageError) in
        try Server.run(arguments, console, gate: gate)
    }.run(words).rawValue
}
