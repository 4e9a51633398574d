import System

/// The arguments of `main`. On Linux, `CommandLine.arguments` reads /proc/self/cmdline, and is empty
/// without /proc.
func arguments() -> [String] {
    guard var next = program_arguments() else { return CommandLine.arguments }
    var words: [String] = []
    while let word = next.pointee {
        words.append(String(cString: word))
        next += 1
    }
    return words
}

exit(CommandLineTool().run(Array(arguments().dropFirst())).rawValue)
