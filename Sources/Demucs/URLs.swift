// The public functions that take a file by its URL.

import Audio
import Signal

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Separator {
    /// Loads a checkpoint of an HTDemucs, in any format that is read.
    ///
    /// ``load(_:stems:threads:segmentsInParallel:precision:)`` describes parameters and errors.
    public static func load(
        modelAt url: URL, stems: [String]? = nil, threads: Int? = nil,
        segmentsInParallel: Int = 1, precision: Precision = .float32
    ) async throws -> Separator {
        try await load(
            modelAt: url.path, stems: stems, threads: threads,
            segmentsInParallel: segmentsInParallel, precision: precision)
    }
}

extension AudioInput {
    /// Opens a track and reads its header.
    ///
    /// ``open(_:spoolFolder:)-(String,_)`` describes parameters and errors.
    public static func open(_ url: URL, spoolFolder: URL? = nil) async throws -> AudioInput {
        try await open(url.path, spoolFolder: spoolFolder?.path)
    }
}

extension AudioFile {
    /// Decodes a whole file at its own rate, with all its channels.
    ///
    /// A truncated file is read as far as it decodes, with a warning.
    ///
    /// - Throws: an `AudioError` that names the file, if nothing can be decoded or a sample is not
    ///   finite.
    public static func read(_ url: URL) async throws -> DecodedAudio {
        let path = url.path
        return try await onOwnThread { _ in try read(path) }
    }

    /// Writes a sound file, which appears under its name when it is complete.
    ///
    /// - Parameters:
    ///   - audio: at least one channel, all equally long.
    ///   - url: its folder must exist. An existing file is replaced.
    ///   - format: the container, and how a sample is stored.
    ///   - clip: how samples beyond full scale are brought into range.
    ///   - tags: title, artist and so on; `nil` for none.
    /// - Throws: `AudioError`.
    public static func write(
        _ audio: PlanarAudio, to url: URL, format: OutputFormat = OutputFormat(),
        clip: ClipMode = .rescale, tags: AudioTags? = nil
    ) async throws {
        let path = url.path
        try await onOwnThread { _ in
            try write(audio, to: path, format: format, clip: clip, tags: tags)
        }
    }
}

extension OutputDestination {
    /// A file, which appears under this name only when it is complete. Its folder must exist.
    public static func file(at url: URL) -> OutputDestination { .file(url.path) }
}
