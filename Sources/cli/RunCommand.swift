import Service
import System

/// Runs the command with the arguments of this process, as `main` does.
///
/// - Returns: the process's exit code.
@c(sd_main)
public func runCommand() -> Int32 {
    CommandLineTool().run(Array(arguments().dropFirst())).rawValue
}

/// Runs `swift-demucs serve` with a gate for its jobs and the arguments of this process, for tests.
///
/// - Returns: the process's exit code.
package func serve(gate: @escaping ServiceSettings.Gate) -> Int32 {
    CommandLineTool().run(ServeCommand.command(gate: gate), Array(arguments().dropFirst())).rawValue
}

/// The name by which the program was run.
let programName = arguments().first ?? ""

/// The arguments of `main`. On Linux, `CommandLine.arguments` reads /proc/self/cmdline, and is empty
/// without /proc.
private func arguments() -> [String] {
    guard var next = program_arguments() else { return CommandLine.arguments }
    var words: [String] = []
    while let word = next.pointee {
        words.append(
            FilePath.text(ofBytes: UnsafeRawBufferPointer(start: word, count: strlen(word))))
        next += 1
    }
    return words
}
