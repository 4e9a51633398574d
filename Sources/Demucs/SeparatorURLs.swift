// File URLs beside paths, for programs with Foundation.

import Audio
import DemucsEngine
import Signal

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension AudioInput {
    /// Opens a track and reads its header, as ``open(_:spoolFolder:)`` of a path, with its errors.
    public static func open(_ url: URL, spoolFolder: URL? = nil) async throws -> AudioInput {
        try await open(url.filePath, spoolFolder: spoolFolder?.filePath)
    }
}

extension AudioFile {
    /// Decodes a whole file, as ``read(_:)`` of a path, with its errors.
    public static func read(_ url: URL) async throws -> DecodedAudio {
        try await read(url.filePath)
    }

    /// Writes a sound file, as ``write(_:to:format:clip:tags:)`` to a path, with its errors.
    public static func write(
        _ audio: PlanarAudio, to url: URL, format: OutputFormat? = nil,
        clip: ClipMode = .rescale, tags: AudioTags? = nil
    ) async throws {
        try await write(audio, to: url.filePath, format: format, clip: clip, tags: tags)
    }
}

extension Separator {
    /// Separates a track into a folder, as ``separate(_:excerpt:intoFolder:output:options:)`` of a path.
    @discardableResult
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, intoFolder url: URL,
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions()
    ) async throws -> TrackReport {
        guard url.isFileURL else {
            throw AudioError.unwritable(path: url.absoluteString, reason: "it is no file URL")
        }
        return try await separate(
            input, excerpt: excerpt, intoFolder: url.path, output: output, options: options)
    }
}

extension OutputDestination {
    /// A file, which appears under this name only when it is complete. Its folder must exist.
    public static func file(_ url: URL) -> OutputDestination { .file(url.filePath) }
}
