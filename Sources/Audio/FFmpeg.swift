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
        let limits = spool.limits
        // Frames in order tell their own length.
        let stated =
            order == nil || limits.refuse != nil ? try properties(of: input, spool) : nil
        if let refuse = limits.refuse, let properties = stated?.properties {
            try refuse(properties)
            let seconds = min(properties.announcedSeconds ?? 0, limits.seconds ?? .infinity)
            let bytes = seconds * Double(properties.sampleRateHz * properties.channelCount * 4)
            try spool.checkRoom(for: Int(min(bytes, 1e18)), name: path)
        }
        var (sound, result) = try convert(input, Self.quiet, [], limits, spool)
        let seconds = sound.plain?.seconds ?? 0
        let isLimited = limits.seconds.map { seconds >= $0 } ?? false
        // ffmpeg says nothing of holes in ASF (WMA).
        let isASF = bytes.matches("\u{30}\u{26}", at: 0) && order == nil
        let complaint = result.complaint.map { "ffmpeg: \($0)" }
        let isDamaged = order.map { $0.loss != nil && !$0.isCut } ?? result.hasLostPackets
        var (hasGap, filled) = (isDamaged, 0.0)
        if isDamaged || order == nil && (isASF || complaint != nil) {
            let head = bytes.slice(0, 1 << 16)
            let isVorbis = ["vorbis", "VORBIS"].contains {
                head.firstRange(of: Array($0.utf8)) != nil
            }
            let timed = try timed(
                sound, input, toleranceSeconds: isVorbis || isASF ? 0.05 : 0.01, spool)
            sound = timed.sound
            filled = timed.filledSeconds
            hasGap = hasGap || timed.hasGap
        }
        var warning: AudioWarning?
        if let order {
            warning = order.lack(path, seconds, filled: filled, isLimited: isLimited)
        }
        if warning == nil, hasGap || order?.isPartial == true && complaint != nil {
            warning = .damaged(
                path: path, reason: complaint ?? "its packets have gaps", atSeconds: nil,
                filledSeconds: filled)
        } else if order == nil, let end = bytes.announcedEnd, end > bytes.end {
            warning = .truncated(
                path: path, decodedSeconds: seconds, announcedSeconds: nil,
                reason: "it has \(bytes.end) of \(end) bytes")
        } else if order == nil, !isLimited, try AudioReader(sound).stated.isWhole,
            let announced = stated?.soundSeconds,
            announced - seconds - filled > max(announced * Self.shareOfDelays, Self.delaySeconds)
        {
            warning = .truncated(
                path: path, decodedSeconds: seconds, announcedSeconds: announced, reason: nil)
        }
        sound.warnings = warning.map { [$0] } ?? []
        sound.advice = order?.oddity?.fact
        return sound
    }

    /// Decodes a sound again with silence in its holes. ffmpeg closes holes unless its samples have to keep their times,
    /// which would harm sound whose times are wrong.
    ///
    /// - Parameter toleranceSeconds: times of Vorbis are off by up to a block where blocks change their length, those of
    ///   ASF rounded.
    /// - Returns: the sound as it is to be used; the silence in it, 0 where that is not known.
    private func timed(
        _ sound: Sound, _ input: Input, toleranceSeconds: Double, _ spool: Spool
    ) throws -> (sound: Sound, filledSeconds: Double, hasGap: Bool) {
        let seconds = sound.plain?.seconds ?? 0
        let most = seconds + min(seconds, Self.mostFilledSeconds)
        // ffmpeg makes the silence of a hole in memory, and its buffer grows by doubling.
        let secondBytes = sound.plain.map { $0.sampleRateHz * $0.channelCount * 4 } ?? 0
        let mostBytes = (64 << 20) + 4 * Int(most) * secondBytes
        var limits = spool.limits
        let longest = min(most, limits.seconds ?? .infinity)
        limits.seconds = longest
        let again: Sound
        do {
            again = try convert(
                input, Self.quiet + ["-max_alloc", "\(mostBytes)"],
                ["-af", "aresample=async=1:min_hard_comp=\(toleranceSeconds)"], limits, spool
            ).sound
        } catch AudioError.notAudio {
            return (sound, 0, true)
        }
        let length = again.plain?.seconds ?? 0
        // One that is cut by the caller's limit doesn't tell how much silence it has; another one is too long.
        if length > longest { return (longest < most ? again : sound, 0, length > seconds) }
        return length > seconds ? (again, length - seconds, true) : (sound, 0, false)
    }

    /// Seconds of silence that are put into holes at most: a file states the times of its sound, and small ones state
    /// years.
    private static let mostFilledSeconds = 600.0

    /// What a decoder may leave out at both ends: a share of the length that is announced, and seconds.
    private static let (shareOfDelays, delaySeconds) = (0.01, 0.2)

    /// The properties of a file's first sound stream, by decoding a little of it; nil if that
    /// fails.
    private func properties(
        of input: Input, _ spool: Spool
    ) throws -> (properties: SoundProperties, soundSeconds: Double?)? {
        let options = ["-nostdin", "-hide_banner", "-nostats"]
        let (sound, result): (Sound, Result)
        do {
            (sound, result) = try convert(
                input, options, ["-frames:a", "1"], SpoolLimits(), spool)
        } catch AudioError.notAudio {
            return nil
        }
        let reader = try AudioReader(sound)
        let properties = SoundProperties(
            channelCount: reader.channelCount, sampleRateHz: reader.sampleRateHz,
            announcedSeconds: result.announcedSeconds)
        return (properties, result.soundSeconds)
    }

    /// Converts the first sound stream of a file.
    ///
    /// - Parameter limits: of the samples. A second and a byte more are written, so that a sound beyond them is noticed.
    /// - Returns: a temporary WAV file with the samples, and the messages of ffmpeg.
    /// - Throws: ``AudioError``, `CancellationError`.
    private func convert(
        _ input: Input, _ first: [String], _ options: [String], _ limits: SpoolLimits,
        _ spool: Spool
    ) throws -> (sound: Sound, result: Result) {
        let path = input.file.path
        let options =
            options + (limits.seconds.map { ["-t", "\($0 + 1)"] } ?? [])
            + (limits.bytes.map { ["-fs", "\($0 &+ ($0 < .max ? 1 : 0))"] } ?? [])
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
                descriptors: [input.file.descriptor, output], of: path, spool, limit: 1 << 16)
            try input.file.checkUnchanged()
            let diskFull = SystemError(code: ENOSPC).description
            if result.complaint?.hasSuffix(diskFull) == true {
                throw AudioError.writeFailed(path: copy, reason: diskFull)
            }
            if !result.mayBeWhole {
                throw failed(result.complaint ?? result.end.description)
            }
            let countBytes = Int(lseek(output, 0, SEEK_END))
            if countBytes == 0 { throw failed("wrote nothing") }
            try spool.checkRoom(for: countBytes, name: path)
        } catch {
            close(output)
            throw error is OutputSilence.TooLong ? failed("\(error)") : error
        }
        let sound = Sound(FileWindow(try InputFile(descriptor: output, path: path)))
        if result.end == .lost, try !AudioReader(sound).stated.isWhole {
            throw AudioError.programFailed(path: path, reason: "ffmpeg \(result.end)")
        }
        return (sound, result)
    }

    /// The first options of every command that reports errors only.
    package static let quiet = ["-nostdin", "-hide_banner", "-loglevel", "error"]

    /// The end and the messages of a run.
    package struct Result {
        package let end: ChildProcess.End
        /// The beginning of the standard error.
        let text: String

        /// Whether its output may be whole: only the output itself tells if the end is lost.
        package var mayBeWhole: Bool { end == .success || end == .lost }

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

        /// The length in the list of streams that the input has, less its start, if it is that of the sound: there is no
        /// other stream, such as a film's pictures, and no estimate.
        var soundSeconds: Double? {
            let end = text.firstRange(of: "Stream mapping")?.lowerBound
            let list = text[..<(end ?? text.endIndex)]
            let streams = list.split(whereSeparator: \.isNewline).count {
                $0.contains(/^ +Stream #/) && !$0.contains("(attached pic)")
            }
            let start = list.firstMatch(of: /Duration: [^,]+, start: ([\d.]+)/)
                .flatMap { Double($0.1) }
            return streams == 1 && !text.contains("Estimating duration from bitrate")
                ? announcedSeconds.map { $0 - (start ?? 0) } : nil
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
    ///   - path: the file that it works on, for messages.
    ///   - limit: bytes of the standard error that are kept, roughly.
    /// - Throws: ``AudioError/programFailed(path:reason:)`` if this machine is at fault, `OutputSilence.TooLong`,
    ///   `CancellationError`.
    package func run(
        _ arguments: [String], descriptors: [Int32], of path: String, _ spool: Spool,
        limit: Int = 4_096
    ) throws -> Result {
        // ffmpeg reads files and writes one without a name: killing it loses nothing.
        let ended: (end: ChildProcess.End, text: String)
        do {
            ended = try ChildProcess.run(
                self.path, arguments, descriptors: descriptors,
                silenceSeconds: spool.limits.silenceSeconds, textBytes: limit
            ) { try spool.checkCancellation() }
        } catch let error as SystemError {
            throw AudioError.programFailed(path: path, reason: "ffmpeg can't be started: \(error)")
        }
        // Of one whose end is lost, the output tells whether it is whole.
        if ended.end.isOfMachine, ended.end != .lost {
            throw AudioError.programFailed(path: path, reason: "ffmpeg \(ended.end)")
        }
        if ended.end != .success, let folder = FilePath.missingOfSystem {
            throw AudioError.programFailed(
                path: path, reason: "ffmpeg needs \(folder), which is not there")
        }
        return Result(end: ended.end, text: ended.text)
    }
}
