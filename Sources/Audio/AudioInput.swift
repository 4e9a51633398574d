// A track as it was given: a file of any kind, or a stream that was put into one.

import Foundation

/// A track that can be decoded more than once, by several readers at a time.
///
/// Holds its file open: whoever removes or replaces the file does not change the track. Decoding
/// needs a file that can be searched, so pipes, and what ffmpeg makes of formats that libsndfile
/// doesn't know, are copied ("spooled") to a temporary file, which has no name and goes with the
/// value.
public struct AudioInput: Sendable {
    /// The path as it was given; "standard input" for that.
    public let name: String

    /// Title, artist and so on, as far as the file states them.
    public let tags: AudioTags

    private let file: InputFile

    /// Opens a track and reads its header.
    ///
    /// - Parameters:
    ///   - path: a file, or a named pipe, which is read to its end.
    ///   - spoolFolder: where a temporary copy is put if one is needed; nil for the system's folder.
    ///     ffmpeg makes 1.3 GB of an hour of stereo.
    ///   - isCancelled: looked at while a temporary copy is made.
    /// - Throws: ``AudioError``; `CancellationError` once `isCancelled` says so.
    public init(
        path: String, spoolFolder: String? = nil, isCancelled: @escaping () -> Bool = { false }
    ) throws {
        try self.init(
            path: path, spool: Spool(folder: spoolFolder, isCancelled: isCancelled),
            ffmpeg: FFmpeg.onPath)
    }

    /// Takes what standard input holds, up to its end.
    ///
    /// - Parameters:
    ///   - spoolFolder: as of ``init(path:spoolFolder:isCancelled:)``.
    ///   - isCancelled: looked at while the input arrives.
    /// - Throws: ``AudioError``; `CancellationError` once `isCancelled` says so.
    public init(
        standardInputSpooledIn spoolFolder: String?, isCancelled: @escaping () -> Bool = { false }
    ) throws {
        let name = "standard input"
        let descriptor = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else {
            throw AudioError.unreadable(path: name, reason: systemReason(errno))
        }
        try self.init(
            descriptor: descriptor, name: name,
            spool: Spool(folder: spoolFolder, isCancelled: isCancelled), ffmpeg: FFmpeg.onPath)
    }

    /// Opens a track with a given ffmpeg, or with none.
    package init(path: String, spool: Spool, ffmpeg: FFmpeg?) throws {
        // Without O_NONBLOCK, opening a named pipe would wait for a writer, deaf to cancellation.
        let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC
        let opened = open(path, flags)
        let code = errno
        guard let descriptor = opened >= 0 ? opened : RepairedName.open(path, flags) else {
            throw code == ENOENT
                ? AudioError.notFound(path: path)
                : AudioError.unreadable(path: path, reason: systemReason(code))
        }
        try self.init(descriptor: descriptor, name: path, spool: spool, ffmpeg: ffmpeg)
    }

    /// Takes over an open descriptor.
    package init(descriptor: Int32, name: String, spool: Spool, ffmpeg: FFmpeg?) throws {
        let original = try spool.file(descriptor, name: name)
        do {
            tags = try AudioReader(file: original).tags
            file = original
        } catch {
            guard case .notAudio(_, let reason) = error else { throw error }
            guard let ffmpeg else { throw AudioError.ffmpegMissing(path: name, reason: reason) }
            file = try ffmpeg.decode(original, to: spool)
            tags = try AudioReader(file: file).tags
        }
        self.name = name
    }

    /// A new decoder at the start of the track.
    ///
    /// - Throws: ``AudioError/changed(path:)`` if the file was written to since it was opened.
    package func reader() throws(AudioError) -> AudioReader {
        try AudioReader(file: file)
    }

    /// - Throws: ``AudioError/changed(path:)`` if the file was written to since it was opened.
    package func checkUnchanged() throws(AudioError) {
        try file.checkUnchanged()
    }
}
