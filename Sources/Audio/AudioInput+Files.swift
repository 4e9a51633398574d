import System
import Tracks

/// The file behind a track, held open: removing or replacing it does not change the track. Unseekable input and the
/// output of ffmpeg are temporary files without a name, which are freed with this value.
final class SoundFile: RecordingSource {
    /// What libsndfile decodes.
    let sound: Sound
    /// The file before decoding by ffmpeg; that of `sound` where libsndfile decodes it.
    let original: InputFile
    let tags: AudioTags
    /// The work of the look at the file, in bytes.
    let lookedAtBytes: Int

    init(_ sound: Sound, original: InputFile, tags: AudioTags, lookedAtBytes: Int) {
        (self.sound, self.original, self.tags) = (sound, original, tags)
        self.lookedAtBytes = lookedAtBytes
    }

    func reader() throws -> any RecordingReader { try AudioReader(sound) }

    func checkUnchanged() throws { try sound.file.checkUnchanged() }
}

/// A file as libsndfile decodes it, with what a look at it has found.
struct Sound: Sendable {
    let file: InputFile
    /// Its samples, if they aren't compressed.
    let plain: PlainSound?
    let order: FrameOrder?
    /// Problems of the decoder that made the file.
    var warnings: [AudioWarning] = []
    /// What would read more of it than libsndfile does.
    var advice: String?

    init(_ bytes: FileWindow) {
        file = bytes.file
        plain = PlainSound(bytes)
        order = plain == nil ? FrameOrder(bytes) : nil
    }
}

extension AudioInput {
    /// Title, artist and so on, as far as the file states them; none for samples.
    public var tags: AudioTags { file?.tags ?? AudioTags() }

    private var file: SoundFile? { source as? SoundFile }

    /// The work of the look at the file before it is decoded: bytes that were examined, and 16 for each call.
    package var lookedAtBytes: Int { file?.lookedAtBytes ?? 0 }

    /// Opens a track and reads its header.
    ///
    /// - Parameters:
    ///   - path: a file, or a named pipe, which is read to its end.
    ///   - spool: makes a temporary copy if one is needed.
    ///   - ffmpeg: decoder of the formats that libsndfile doesn't know; nil if there is none.
    /// - Throws: ``AudioError``; `CancellationError`.
    package init(path: String, spool: Spool = Spool(), ffmpeg: FFmpeg? = .onPath) throws {
        // Without O_NONBLOCK, opening a named pipe would wait for a writer and could not be cancelled.
        let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC
        let descriptor = FilePath.withCString(path) { open($0, flags) }
        let failure = SystemError.last
        guard descriptor >= 0 else {
            throw failure.code == ENOENT
                ? AudioError.notFound(path: path)
                : AudioError.unreadable(path: path, failure)
        }
        try self.init(descriptor: descriptor, name: path, spool: spool, ffmpeg: ffmpeg)
    }

    /// Reads standard input to its end.
    ///
    /// - Parameter spool: makes a temporary copy if one is needed.
    /// - Throws: ``AudioError``; `CancellationError`.
    package init(standardInput spool: Spool) throws {
        let name = "standard input"
        let descriptor = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw AudioError.unreadable(path: name, .last) }
        try self.init(descriptor: descriptor, name: name, spool: spool, ffmpeg: .onPath)
    }

    /// Takes over an open descriptor.
    package init(descriptor: Int32, name: String, spool: Spool, ffmpeg: FFmpeg?) throws {
        let original = try spool.file(descriptor, name: name)
        let bytes = FileWindow(original, isCancelled: spool.isCancelled)
        var sound = Sound(bytes)
        var tags = TagReader(bytes, sound).tags
        try spool.checkCancellation()
        do {
            guard spool.allFormats || sound.plain != nil || sound.order != nil else {
                throw AudioError.notAudio(
                    path: name,
                    reason:
                        "it is not PCM or float WAV, AIFF, AU, W64 or CAF, FLAC, Ogg Vorbis, Opus "
                        + "or MP3")
            }
            let reader = try AudioReader(sound)
            if reader.oddity() != nil { sound = try Self.byFFmpeg(sound, bytes, ffmpeg, spool) }
        } catch {
            try original.checkUnchanged()
            guard case AudioError.notAudio(_, var reason) = error else { throw error }
            reason = sound.order?.oddity?.fact ?? reason
            guard let ffmpeg else {
                throw bytes.list.map { AudioError.notAudio(path: name, reason: $0) }
                    ?? .ffmpegMissing(path: name, reason: reason)
            }
            do {
                sound = try ffmpeg.decode(sound, bytes, to: spool)
            } catch AudioError.notAudio(_, let reason) {
                let list = bytes.list.map { "\($0); " } ?? ""
                throw AudioError.notAudio(path: name, reason: list + reason)
            }
            _ = try AudioReader(sound)
            tags = tags.completed(by: try ffmpeg.tags(of: original, spool))
        }
        self.init(
            name: name,
            source: SoundFile(
                sound, original: original, tags: tags, lookedAtBytes: bytes.spentBytes))
    }

    /// Sound whose frames aren't plainly in order, decoded by ffmpeg; by libsndfile, with a warning, if ffmpeg isn't
    /// there or can't.
    private static func byFFmpeg(
        _ sound: Sound, _ bytes: FileWindow, _ ffmpeg: FFmpeg?, _ spool: Spool
    ) throws -> Sound {
        var sound = sound
        sound.advice = "ffmpeg, which is not on PATH, may read more"
        guard let ffmpeg else { return sound }
        do {
            let decoded = try ffmpeg.decode(sound, bytes, to: spool)
            _ = try AudioReader(decoded)
            return decoded
        } catch AudioError.notAudio(_, let reason) {
            sound.advice = reason
            return sound
        }
    }

    /// The length that the file states, and whether no sound is missing or wrong; nil for samples.
    package func statedLength() throws -> (seconds: Double, isWhole: Bool)? {
        try file.map { try AudioReader($0.sound).stated }
    }

    /// Descriptor of the original file, with all of its tags and pictures; nil for samples.
    package var sourceDescriptor: Int32? { file?.original.descriptor }

    /// The SHA-256 of the original file, or of the bytes of a pipe, in hexadecimal digits; nil for samples.
    ///
    /// - Throws: ``AudioError``; `CancellationError` once `isCancelled` is true.
    package func sha256(isCancelled: () -> Bool) throws -> String? {
        do {
            return try sourceDescriptor.map {
                // Whoever made the copy of a pipe has left the offset at its end.
                lseek($0, 0, SEEK_SET)
                return try SHA256.hexadecimal(of: $0, isCancelled: isCancelled)
            }
        } catch let failure as SystemError {
            throw AudioError.unreadable(path: name, failure)
        }
    }
}

extension FileWindow {
    /// What a text is that names sound files; nil for other files.
    fileprivate var list: String? {
        let text = String(decoding: slice(0, 4_096), as: UTF8.self)
        let ending = FilePath.pathExtension(of: file.path).lowercased()
        if ["#EXTM3U", "[playlist]", "<playlist", "<asx", "<ASX"].contains(where: text.contains)
            || ["m3u", "m3u8", "pls"].contains(ending)
        {
            return "it is a playlist; give the files that it names"
        }
        return text.contains("FILE \"") && text.contains("TRACK ") && text.contains(" AUDIO")
            ? "it is a cue sheet; give the sound file that it names" : nil
    }
}
