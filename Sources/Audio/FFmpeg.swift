// Decodes formats that libsndfile doesn't know with ffmpeg: AAC, M4A, WMA, the sound of videos.

import Files
import LibC

/// The command `ffmpeg`, which is optional.
package struct FFmpeg: Sendable {
    /// Path of the command.
    let path: String

    package init(path: String) {
        self.path = path
    }

    /// The first `ffmpeg` in the folders of `PATH`.
    package static var onPath: FFmpeg? {
        guard let folders = getenv("PATH") else { return nil }
        return String(cString: folders).split(separator: ":").lazy.map { "\($0)/ffmpeg" }
            .first { access($0, X_OK) == 0 }.map(FFmpeg.init)
    }

    /// Decodes the first sound stream of a file at its own rate and with its own channels, to floats
    /// in a temporary WAV file.
    ///
    /// - Throws: ``AudioError/notAudio(path:reason:)`` with the first line that ffmpeg printed;
    ///   `CancellationError`.
    func decode(_ input: InputFile, to spool: Spool) throws -> InputFile {
        func failed(_ reason: String) -> AudioError {
            .notAudio(path: input.path, reason: "ffmpeg: \(reason)")
        }
        let copy = "the decoded copy of \(input.path)"
        let output = try TemporaryFiles.createUnnamed(in: spool.folder, for: copy)
        let result: Result
        do {
            result = try run(
                Self.arguments(limitSeconds: spool.limitSeconds),
                descriptors: [input.descriptor, output], spool)
            try input.checkUnchanged()
            let diskFull = SystemError(code: ENOSPC).description
            if result.complaint?.hasSuffix(diskFull) == true {
                throw AudioError.writeFailed(path: copy, reason: diskFull)
            }
            if result.status != 0 {
                throw failed(result.complaint ?? "ended with status \(result.status)")
            }
            if lseek(output, 0, SEEK_END) == 0 { throw failed("wrote nothing") }
        } catch {
            close(output)
            throw error is AudioError || error is CancellationError
                ? error : failed("can't be started (\(error))")
        }
        return try InputFile(
            descriptor: output, path: input.path,
            warnings: result.complaint.map { [.damaged(path: input.path, reason: $0)] } ?? [])
    }

    /// The first options of every command: errors only, and no input but files.
    static let quiet =
        ["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "file"]

    /// Input and output are open files, named by their descriptors, so no name is mistaken for an
    /// option or an address, and a file without a name will do. Only files may be opened: a
    /// playlist with the name of a song must not make ffmpeg fetch addresses.
    ///
    /// - Parameter limitSeconds: a second more is decoded, so that a longer track is noticed.
    private static func arguments(limitSeconds: Double?) -> [String] {
        quiet + ["-i", "file:/dev/stdin", "-map", "0:a:0", "-c:a", "pcm_f32le"]
            + (limitSeconds.map { ["-t", "\($0 + 1)"] } ?? [])
            + ["-f", "wav", "-rf64", "auto", "-y", "file:/dev/stdout"]
    }

    /// Exit status and messages of a run.
    struct Result {
        let status: Int32
        /// The beginning of the standard error.
        let text: String

        /// The first line of ``text``, without internal names.
        var complaint: String? { FFmpeg.complaint(in: text) }
    }

    /// Runs ffmpeg to its end.
    ///
    /// - Parameters:
    ///   - descriptors: standard input and output, then the descriptors that ffmpeg gets as 3, 4,
    ///     and so on.
    ///   - limit: bytes of the standard error that are kept, roughly.
    /// - Throws: `SystemError` if ffmpeg can't be started, `CancellationError`.
    func run(
        _ arguments: [String], descriptors: [Int32], _ spool: Spool, limit: Int = 4_096
    ) throws -> Result {
        let errors = try Self.pipe()
        defer { close(errors.read) }
        let process = try {
            defer { close(errors.write) }
            return try ChildProcess(
                path, arguments,
                descriptors: descriptors.prefix(2) + [errors.write] + descriptors.dropFirst(2))
        }()
        // ffmpeg reads files and writes one without a name: killing it loses nothing.
        defer { process.kill() }
        let text = try text(from: errors.read, spool, limit)
        while true {
            if let status = process.status { return Result(status: status, text: text) }
            try spool.checkCancellation()
            usleep(1_000)
        }
    }

    /// A pipe whose ends other programs don't inherit.
    private static func pipe() throws(SystemError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard LibC.pipe(&ends) == 0 else { throw .last }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// The beginning of the text that arrives at a descriptor until that is closed.
    private func text(
        from descriptor: Int32, _ spool: Spool, _ limit: Int
    ) throws -> String {
        var beginning: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            try spool.checkCancellation()
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, Spool.waitMilliseconds) > 0 else { continue }
            let count =
                (try? retryingInterrupted { read(descriptor, &buffer, buffer.count) }) ?? 0
            guard count > 0 else { return String(decoding: beginning, as: UTF8.self) }
            if beginning.count < limit { beginning += buffer[..<count] }
        }
    }

    /// The first line, which is the most specific, without ffmpeg's internal names.
    private static func complaint(in text: String) -> String? {
        guard var line = text.split(whereSeparator: \.isNewline).first else { return nil }
        if line.contains("matches no streams") { return "no sound in it" }
        // "[mov,mp4 @ 0x55db68fd7d80] moov atom not found"
        if line.hasPrefix("["), let end = line.firstRange(of: "] ") {
            line = line[end.upperBound...]
        }
        let input = "file:/dev/stdin: "
        if line.hasPrefix(input) { line = line.dropFirst(input.count) }
        return String(line)
    }
}
