// A track as it was given: a file of any kind, or a stream that was put into one.

/// A track that can be decoded more than once, by several readers at a time.
///
/// Holds its file open. Decoding needs a file that can be searched and read twice, so what is none
/// is copied ("spooled") to a temporary one first, which has no name and goes with the value.
public struct AudioInput: Sendable {
    /// The path as it was given; "standard input" for that.
    public let name: String

    /// Title, artist and so on, as far as the file states them.
    public let tags: AudioTags

    let file: InputFile

    /// Opens a track and reads its header.
    ///
    /// - Parameters:
    ///   - path: a file, or a named pipe, which is read to its end.
    ///   - spoolFolder: where a temporary copy is put if one is needed; nil for the system's folder.
    ///   - isCancelled: looked at while a temporary copy is made.
    /// - Throws: ``AudioError``; `CancellationError` once `isCancelled` says so.
    public init(
        path: String, spoolFolder: String? = nil, isCancelled: () -> Bool = { false }
    ) throws {
        name = path
        file = try InputFile(path: path)
        tags = AudioTags()
        _ = try reader()
    }

    /// Takes what standard input holds, up to its end.
    ///
    /// - Parameters: as of ``init(path:spoolFolder:isCancelled:)``.
    /// - Throws: ``AudioError``; `CancellationError` once `isCancelled` says so.
    public init(
        standardInputSpooledIn spoolFolder: String?, isCancelled: () -> Bool = { false }
    ) throws {
        try self.init(path: "/dev/stdin", spoolFolder: spoolFolder, isCancelled: isCancelled)
    }

    /// A new decoder at the start of the track.
    package func reader() throws(AudioError) -> AudioReader {
        try AudioReader(file: file)
    }
}
