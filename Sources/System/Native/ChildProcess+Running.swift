// Runs a program to its end, with the text that it prints as errors.

extension ChildProcess {
    /// Runs a program that writes to its standard output, which is a file, to its end, or until it has written nothing
    /// for too long and is killed.
    ///
    /// - Parameters:
    ///   - descriptors: standard input and output, then those that the program gets as 3, 4, and so on.
    ///   - silenceSeconds: time without output; large inputs get a second more for each 20 MB.
    ///   - textBytes: bytes of the standard error that are kept, roughly.
    ///   - check: called again and again; its error ends the program.
    /// - Returns: how it has ended, and the beginning of the standard error.
    /// - Throws: `SystemError` if the program can't be started; ``OutputSilence/TooLong``; the errors of `check`.
    package static func run(
        _ path: String, _ arguments: [String], descriptors: [Int32], silenceSeconds: Double,
        textBytes: Int, check: () throws -> Void
    ) throws -> (end: End, text: String) {
        var errors: [Int32] = [-1, -1]
        guard pipe(&errors) == 0 else { throw SystemError.last }
        defer { close(errors[0]) }
        for end in errors { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let process = try {
            defer { close(errors[1]) }
            return try ChildProcess(
                path, arguments,
                descriptors: descriptors.prefix(2) + [errors[1]] + descriptors.dropFirst(2))
        }()
        defer { process.end() }
        var silence = OutputSilence(
            of: descriptors[1],
            inputs: descriptors.enumerated().filter { $0.offset != 1 }.map(\.element),
            silenceSeconds)
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            try check()
            try silence.check()
            // Asked before the pipe: what the process has written is then in it. A process that it has left behind may
            // keep the pipe open.
            let ended = process.status
            var request = pollfd(fd: errors[0], events: Int16(POLLIN), revents: 0)
            if poll(&request, 1, ended == nil ? 50 : 0) > 0 {
                let count =
                    (try? retryingInterrupted { read(errors[0], &buffer, buffer.count) }) ?? 0
                let isKept = text.count < textBytes
                if isKept { text += buffer[..<count] }
                if count > 0, ended == nil || isKept { continue }
                // The pipe is closed, and poll doesn't wait any more.
                if ended == nil { usleep(1_000) }
            }
            if let ended { return (ended, String(decoding: text, as: UTF8.self)) }
        }
    }
}

/// The time since a file was written to.
package struct OutputSilence {
    package struct TooLong: Error, CustomStringConvertible {
        package let description: String
    }

    private let output: Int32
    private let limit: Duration
    private var lastBytes = 0
    private var lastGrowth: ContinuousClock.Instant

    /// Least rate at which a program reads its inputs.
    private static let bytesPerSecond = 20e6

    package init(
        of output: Int32, inputs: [Int32], _ seconds: Double,
        from now: ContinuousClock.Instant = .now
    ) {
        self.output = output
        lastGrowth = now
        let bytes = inputs.reduce(0.0) { $0 + Double(Self.countBytes($1)) }
        limit = .seconds(seconds + bytes / Self.bytesPerSecond)
    }

    package mutating func check(at now: ContinuousClock.Instant = .now) throws(TooLong) {
        let bytes = Self.countBytes(output)
        if bytes != lastBytes {
            lastBytes = bytes
            lastGrowth = now
        } else if now - lastGrowth > limit {
            let seconds = (limit / .seconds(1)).fixed(1)
            throw TooLong(description: "ended because it wrote nothing for \(seconds) s")
        }
    }

    private static func countBytes(_ descriptor: Int32) -> Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }
}
