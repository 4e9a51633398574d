import CSndFile
import DemucsEngine
import System

/// The file behind a track, held open: removing or replacing it does not change the track.
///
/// Decoding needs a seekable file, so unseekable input (pipes) and the output of ffmpeg, which
/// decodes the formats that libsndfile doesn't know, are spooled to a temporary file without a name,
/// which is freed with this value.
final class SoundFile: RecordingSource {
    /// What libsndfile decodes.
    let decoded: DecodedFile
    /// The file before decoding by ffmpeg; `decoded` where libsndfile decodes it.
    let original: InputFile
    let tags: AudioTags

    init(_ decoded: DecodedFile, original: InputFile, tags: AudioTags) {
        self.decoded = decoded
        self.original = original
        self.tags = tags
    }

    func reader() throws -> any RecordingReader { try AudioReader(decoded) }

    func checkUnchanged() throws { try decoded.file.checkUnchanged() }
}

/// A file as libsndfile decodes it.
struct DecodedFile: Sendable {
    let file: InputFile
    /// Its samples, if they aren't compressed.
    let plain: PlainSound?
    let parts: SoundParts
    /// Problems of the decoder that made the file.
    let warnings: [AudioWarning]

    /// A file that ffmpeg has made.
    init(_ file: InputFile, _ warnings: AudioWarning...) {
        self.file = file
        plain = PlainSound(of: file)
        parts = SoundParts(whole: file)
        self.warnings = warnings
    }

    /// A file as it was found.
    init(found file: InputFile) {
        self.file = file
        plain = PlainSound(of: file)
        parts = plain == nil ? SoundParts(of: file) : SoundParts(whole: file)
        warnings = []
    }
}

extension AudioInput {
    /// Title, artist and so on, as far as the file states them; none for samples.
    public var tags: AudioTags { file?.tags ?? AudioTags() }

    private var file: SoundFile? { source as? SoundFile }

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
        guard descriptor >= 0 else {
            throw AudioError.unreadable(path: name, .last)
        }
        try self.init(descriptor: descriptor, name: name, spool: spool, ffmpeg: .onPath)
    }

    /// Takes over an open descriptor.
    package init(descriptor: Int32, name: String, spool: Spool, ffmpeg: FFmpeg?) throws {
        let original = try spool.file(descriptor, name: name)
        let found = DecodedFile(found: original)
        let file: SoundFile
        do {
            let unlisted = AudioError.notAudio(
                path: name,
                reason:
                    "it is not PCM or float WAV, AIFF, AU, W64 or CAF, FLAC, Ogg Vorbis, Opus or MP3"
            )
            // A damaged header may hide that a file is an MP3.
            guard
                spool.allFormats || found.plain != nil || found.parts.statesFrames
                    || original.hasListedFormat
            else { throw unlisted }
            let reader = try AudioReader(found)
            guard spool.allFormats || reader.hasListedFormat else { throw unlisted }
            file = SoundFile(found, original: original, tags: AudioTags(of: found))
        } catch {
            try original.checkUnchanged()
            guard case AudioError.notAudio(_, let reason) = error else { throw error }
            guard let ffmpeg else { throw AudioError.ffmpegMissing(path: name, reason: reason) }
            let decoded = try ffmpeg.decode(found, to: spool)
            _ = try AudioReader(decoded)
            file = SoundFile(
                decoded, original: original,
                tags: AudioTags(of: decoded).completed(by: try ffmpeg.tags(of: original, spool)))
        }
        self.init(name: name, source: file)
    }

    /// Descriptor of the original file, with all of its tags and pictures; nil for samples.
    var sourceDescriptor: Int32? {
        file?.original.descriptor
    }

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

extension AudioTags {
    /// The tags of a file that libsndfile decodes.
    init(of decoded: DecodedFile) {
        self.init()
        var info = SF_INFO()
        let cursor = InputCursor(decoded.file, decoded.parts.parts[0].spans)
        // AU, W64 and CAF, whose samples are read without libsndfile's readers of their headers, have none.
        let isPlain =
            FileChunks(of: decoded.file).map { [.wav, .aiff].contains($0.container) } ?? false
        guard isPlain || decoded.plain == nil, let handle = cursor.openDecoder(&info) else {
            return
        }
        self.init(of: handle, in: decoded.file)
        sf_close(handle)
    }
}
