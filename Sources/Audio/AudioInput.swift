import DemucsEngine
import System

/// The file behind a track, held open: removing or replacing it does not change the track.
///
/// Decoding needs a seekable file, so unseekable input (pipes) and the output of ffmpeg, which
/// decodes the formats that libsndfile doesn't know, are spooled to a temporary file without a name,
/// which is freed with this value.
struct SoundFile: RecordingSource {
    /// What libsndfile decodes.
    let decoded: InputFile
    /// The file before decoding by ffmpeg; `decoded` where libsndfile decodes it.
    let original: InputFile
    let tags: AudioTags

    func reader() throws -> any RecordingReader { try AudioReader(file: decoded) }

    func checkUnchanged() throws { try decoded.checkUnchanged() }
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
        let opened = open(path, flags)
        let failure = SystemError.last
        guard let descriptor = opened >= 0 ? opened : Self.openRepairedName(path, flags) else {
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
        let file: SoundFile
        do {
            let unlisted = AudioError.notAudio(
                path: name,
                reason: "it is not PCM or float WAV or AIFF, FLAC, Ogg Vorbis, Opus or MP3")
            guard spool.allFormats || original.hasListedFormat else { throw unlisted }
            let reader = try AudioReader(file: original)
            guard spool.allFormats || reader.hasListedFormat else { throw unlisted }
            file = SoundFile(decoded: original, original: original, tags: reader.tags)
        } catch {
            guard case AudioError.notAudio(_, let reason) = error else { throw error }
            guard let ffmpeg else { throw AudioError.ffmpegMissing(path: name, reason: reason) }
            let decoded = try ffmpeg.decode(original, to: spool)
            file = SoundFile(
                decoded: decoded, original: original, tags: try AudioReader(file: decoded).tags)
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

    /// Opens a file whose name is not UTF-8, as old archives leave them behind: Swift has put U+FFFD
    /// where the name on disk has other bytes.
    ///
    /// - Returns: a descriptor; nil unless exactly one name in the folder reads like this.
    private static func openRepairedName(_ path: String, _ flags: Int32) -> Int32? {
        let name = FilePath.name(of: path)
        let folder = FilePath.folder(of: path)
        guard name.unicodeScalars.contains("\u{FFFD}"),
            let entries = try? FilePath.rawEntries(of: folder)
        else { return nil }
        let names = entries.filter { entry in
            entry.withUnsafeBufferPointer { String(cString: $0.baseAddress!) } == name
        }
        guard names.count == 1 else { return nil }
        let descriptor = open("\(folder)/".utf8CString.dropLast() + names[0], flags)
        return descriptor >= 0 ? descriptor : nil
    }
}
