import System

/// The name by which the program was run.
let programName = programArguments().first ?? ""

/// The arguments of `main`. On Linux, `CommandLine.arguments` reads /proc/self/cmdline, and is empty
/// without /proc.
package func programArguments() -> [String] {
    guard var next = program_arguments() else { return CommandLine.arguments }
    var words: [String] = []
    while let word = next.pointee {
        words.append(
            FilePath.text(ofBytes: UnsafeRawBufferPointer(start: word, count: strlen(word))))
        next += 1
    }
    return words
}
