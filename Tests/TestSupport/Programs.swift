import Foundation

extension Process {
    /// Runs a program of the PATH, and waits for its end.
    ///
    /// - Returns: its exit code.
    @discardableResult
    package static func run(_ words: [String]) throws -> Int32 {
        let process = try run(URL(fileURLWithPath: "/usr/bin/env"), arguments: words)
        process.waitUntilExit()
        return process.terminationStatus
    }
}
