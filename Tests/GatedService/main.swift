// `swift-demucs serve`, whose jobs tests stop by lines on standard input:
//
//     hold N    from now on, each job waits before its segment N, counted from 0
//     open      all jobs go on
//
// Each line is answered by the line `ok` once it is in force. The end of the input ends the service
// as SIGTERM does.
//
//     swift build -c release --product gated-service

import Program
import System
import TestSupport

let gate = JobGate()

/// Obeys a line.
///
/// - Returns: false if it is none of the above.
@Sendable func obey(_ line: String) -> Bool {
    let words = line.split(separator: " ")
    switch (words.first, words.count) {
    case ("open", 1): gate.open()
    case ("hold", 2):
        guard let segment = Int(words[1]) else { return false }
        gate.hold(before: segment)
    default: return false
    }
    return true
}

let reader = SystemThread {
    while let line = readLine() {
        // Not `print`, whose output waits in a buffer.
        let answer = obey(line) ? "ok\n" : "unknown: \(line)\n"
        try? Array(answer.utf8).withUnsafeBytes { try writeAll($0, to: STDOUT_FILENO) }
    }
    kill(getpid(), SIGTERM)
}
reader?.detach()

exit(serve(gate: gate.wait(before:_:)))
