import Foundation
import System

/// Whether the PATH has a program that a test needs.
package func isInstalled(_ program: String) -> Bool {
    ChildProcess.pathOfProgram(program) != nil
}

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

extension TemporaryFolder {
    /// Makes a program of a shell script.
    package func program(_ script: String) throws -> String {
        let text = try write("#!/bin/sh\n\(script)\n", "script")
        // `install` writes the program: a child process of another test may hold this process's open
        // files for a moment, and a file that is open for writing can't be started (ETXTBSY).
        try Process.run(["install", "-m", "755", text, path("program")])
        return path("program")
    }
}
