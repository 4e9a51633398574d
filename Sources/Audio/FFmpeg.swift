// Decodes with ffmpeg what libsndfile doesn't know (AAC, M4A, WMA, the sound of videos), and sound whose frames aren't
// plainly in order.

import System

/// The command `ffmpeg`, which is optional.
package struct FFmpeg: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// The first `ffmpeg` in the folders of `PATH`.
    package static var onPath: FFmpeg? { ChildProcess.pathOfProgram("ffmpeg").map(FFmpeg.init) }

    /// Decodes the first sound stream of a file at its own rate and with its own channels, to floats
    /// in a temporary WAV file.
    ///
    /// - Throws: ``AudioError/notAudio(path:reason:)`` with the first line that ffmpeg printed;
    ///   ``AudioError/copyTooLarge(path:limitBytes:)``; the errors of the spool's `refuse`;
    ///   `CancellationError`.
    func decode(_ found: Sound, _ bytes: FileWindow, to spool: Spool) throws -> Sound {
        let (path, order) = (found.file.path, found.order)
        // Tags at the end are taken for packets by some demuxers.
        let input = Input(
            file: found.file, bytes: order?.bytes ?? 0..<max(1, bytes.startOfTags))
        if let refuse = spool.limits.refuse, let properties = try properties(of: input, spool) {
            try refuse(properties)
            let seconds = min(properties.announcedSeconds ?? 0, spool.limits.seconds ?? .infinity)
            let bytes = seconds * Double(properties.sampleRateHz * properties.channelCount * 4)
            try spool.checkRoom(for: Int(min(bytes, 1e18)), name: path)
        }
        let limits = spool.limits
        // A second and a byte more are written, so that a sound beyond the limits is noticed.
        let options =
            (limits.seconds.map { ["-t", "\($0 + 1)"] } ?? [])
            + (limits.bytes.map { ["-fs", "\($0 &+ ($0 < .max ? 1 : 0))"] } ?? [])
        var (sound, result) = try convert(input, Self.quiet, options, spool)
        let seconds = sound.plain?.seconds ?? 0
        let isLimited = limits.seconds.map { seconds >= $0 } ?? false
        // ffmpeg says nothing of holes in ASF (WMA).
        let isASF = bytes.matches("\u{30}\u{26}", at: 0) && order == nil
        let complaint = result.complaint.map { "ffmpeg: \($0)" }
        let isDamaged = order.map { $0.loss != nil && !$0.isCut } ?? result.hasLostPackets
        var filled = 0.0
        if isDamaged || order == nil && (isASF || complaint != nil) {
            // ffmpeg closes holes unless its samples have to keep their times, which would harm sound whose times are
            // wrong. Those of Vorbis are off by up to a block where blocks change their length, those of ASF rounded.
            let head = bytes.slice(0, 1 << 16)
            let isVorbis = ["vorbis", "VORBIS"].contains {
                head.firstRange(of: Array($0.utf8)) != nil
            }
            let keepsTimes = "aresample=async=1:min_hard_comp=\(isVorbis || isASF ? 0.05 : 0.01)"
            do {
                let again = try convert(input, Self.quiet, ["-af", keepsTimes] + options, spool)
                    .sound
                filled = max(0, (again.plain?.seconds ?? 0) - seconds)
                if filled > 0 { sound = again }
            } catch AudioError.notAudio {}
        }
        var warning: AudioWarning?
        if let order {
            warning = order.lack(path, seconds, filled: filled, isLimited: isLimited)
        }
        if warning == nil, isDamaged || filled > 0 || order?.isPartial == true && complaint != nil {
            warning = .damaged(
                path: path, reason: complaint ?? "its packets have gaps", atSeconds: nil,
                filledSeconds: filled)
        } else if order == nil, let end = bytes.announcedEnd, end > bytes.end {
            warning = .truncated(
                path: path, decodedSeconds: seconds, announcedSeconds: nil,
                reason: "it has \(bytes.end) of \(end) bytes")
        }
        sound.warnings = warning.map { [$0] } ?? []
        sound.advice = order?.oddity?.fact
        return sound
    }

    /// The properties of a file's first sound stream, by decoding a little of it; nil if that
    /// fails.
    private func properties(of input: Input, _ spool: Spool) throws -> SoundProperties? {
        let options = ["-nostdin", "-hide_banner", "-nostats"]
        guard let (sound, result) = try? convert(input, options, ["-frames:a", "1"], spool) else {
            try spool.checkCancellation()
            return nil
        }
        let reader = try AudioReader(sound)
        return SoundProperties(
            channelCount: reader.channelCount, sampleRateHz: reader.sampleRateHz,
            announcedSeconds: result.announcedSeconds)
    }

    /// Converts the first sound stream of a file.
    ///
    /// - Returns: a temporary WAV file with the samples, and the messages of ffmpeg.
    /// - Throws: ``AudioError``, `CancellationError`.
    private func convert(
        _ input: Input, _ first: [String], _ options: [String], _ spool: Spool
    ) throws -> (sound: Sound, result: Result) {
        let path = input.file.path
        func failed(_ reason: String) -> AudioError {
            .notAudio(path: path, reason: "ffmpeg: \(reason)")
        }
        let copy = "the decoded copy of \(path)"
        let output = try spool.unnamedFile(for: copy)
        let result: Result
        do {
            result = try run(
                first + Self.input(input.address) + ["-map", "0:a:0", "-c:a", "pcm_f32le"]
                    + options + ["-f", "wav", "-rf64", "auto", "-y", "file:/dev/stdout"],
                descriptors: [input.file.descriptor, output], spool, limit: 1 << 16)
            try input.file.checkUnchanged()
            let diskFull = SystemError(code: ENOSPC).description
            if result.complaint?.hasSuffix(diskFull) == true {
                throw AudioError.writeFailed(path: copy, reason: diskFull)
            }
            if result.status != 0 {
                throw failed(result.complaint ?? "ended with status \(result.status)")
            }
            let countBytes = Int(lseek(output, 0, SEEK_END))
            if countBytes == 0 { throw failed("wrote nothing") }
            try spool.checkRoom(for: countBytes, name: path)
        } catch {
            close(output)
            throw error is AudioError || error is CancellationError
                ? error : failed("can't be started (\(error))")
        }
        return (Sound(FileWindow(try InputFile(descriptor: output, path: path))), result)
    }

    /// The first options of every command that reports errors only.
    package static let quiet = ["-nostdin", "-hide_banner", "-loglevel", "error"]

    /// Exit status and messages of a run.
    package struct Result {
        package let status: Int32
        /// The beginning of the standard error.
        let text: String

        /// Whether ffmpeg could not decode a packet, or the file ends too early.
        var hasLostPackets: Bool {
            // The words of version 5, and those since 6.
            [
                "Error while decoding stream", "Error submitting packet to decoder",
                "incomplete frame", "Input/output error", "partial file",
            ].contains { text.contains($0) }
        }

        /// The first line of ``text``, which is the most specific, without ffmpeg's internal names.
        package var complaint: String? {
            guard var line = text.split(whereSeparator: \.isNewline).first else { return nil }
            if line.contains("matches no streams") { return "no sound in it" }
            if line.contains(refusal.message) { return refusal.reason }
            // "[mov,mp4 @ 0x55db68fd7d80] moov atom not found"
            if line.hasPrefix("["), let end = line.firstRange(of: "] ") {
                line = line[end.upperBound...]
            }
            if let input = line.firstRange(of: "file:/dev/stdin: ") {
                line = line[input.upperBound...]
            }
            return String(line)
        }

        /// The length in a list of streams: "  Duration: 01:02:03.45, start: 0.000000".
        var announcedSeconds: Double? {
            let time = /^ *Duration: (\d+):(\d+):([\d.]+),/.anchorsMatchLineEndings()
            return text.firstMatch(of: time).map {
                [$0.1, $0.2, $0.3].reduce(0) { $0 * 60 + (Double($1) ?? 0) }
            }
        }
    }

    /// Runs ffmpeg to its end, or until it has been silent for too long.
    ///
    /// - Parameters:
    ///   - descriptors: standard input and output, then the descriptors that ffmpeg gets as 3, 4,
    ///     and so on.
    ///   - limit: bytes of the standard error that are kept, roughly.
    /// - Throws: `SystemError` if ffmpeg can't be started, `CancellationError`.
    package func run(
        _ arguments: [String], descriptors: [Int32], _ spool: Spool, limit: Int = 4_096
    ) throws -> Result {
        // ffmpeg reads files and writes one without a name: killing it loses nothing.
        let ended = try ChildProcess.run(
            path, arguments, descriptors: descriptors,
            silenceSeconds: spool.limits.silenceSeconds, textBytes: limit
        ) { try spool.checkCancellation() }
        return Result(status: ended.status, text: ended.text)
    }
}
