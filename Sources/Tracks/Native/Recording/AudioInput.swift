// The track to separate, and how it is read. The module Audio makes tracks of sound files.

import Signal

/// Audio that is read from its beginning to its end, block by block.
package protocol RecordingReader: AnyObject {
    /// Name of the recording in warnings.
    var name: String { get }
    /// The loudspeakers of the channels; nil for the usual ones.
    var speakers: [Speaker]? { get }
    var sampleRateHz: Int { get }
    var channelCount: Int { get }
    /// Samples of each channel that are worth reserving memory for.
    var plausibleSamples: Int { get }
    /// The next samples; `nil` at the end.
    func next() throws -> PlanarAudio?
    /// Passes over samples without reading them, where that is exact.
    ///
    /// - Returns: samples that were passed, at most `count`.
    func skip(_ count: Int) throws -> Int
    /// Problems that did not stop the reading, known once all of the recording has been read.
    var warnings: [AudioWarning] { get }
    /// The error of a recording without samples.
    var emptyError: any Error { get }
}

extension RecordingReader {
    package var name: String { "the audio" }
    package var speakers: [Speaker]? { nil }
    package var warnings: [AudioWarning] { [] }
    package func skip(_ count: Int) -> Int { 0 }
}

/// Where the samples of a track are.
package protocol RecordingSource: Sendable {
    /// A new reader at the start of the track.
    func reader() throws -> any RecordingReader
    /// - Throws: an error that names the track, if it has changed since it was opened.
    func checkUnchanged() throws
}

/// A track that can be read more than once, by several readers at a time.
///
/// Samples in memory or in pieces here; the product `Demucs` opens sound files.
public struct AudioInput: Sendable {
    /// The path as it was given, "standard input" or "audio in memory".
    public let name: String
    package let source: any RecordingSource

    package init(name: String, source: any RecordingSource) {
        self.name = name
        self.source = source
    }

    /// A track of samples.
    ///
    /// - Parameter open: returns a reader at the beginning of the track; all samples finite.
    package init(name: String, samples open: @escaping @Sendable () -> any RecordingReader) {
        self.init(name: name, source: Samples(open: open))
    }

    private struct Samples: RecordingSource {
        let open: @Sendable () -> any RecordingReader

        func reader() -> any RecordingReader { open() }
        func checkUnchanged() {}
    }

    /// A new reader at the start of the track.
    ///
    /// - Throws: the error of a file that was written to since it was opened.
    package func reader() throws -> any RecordingReader { try source.reader() }

    /// - Throws: the error of a file that was written to since it was opened.
    package func checkUnchanged() throws { try source.checkUnchanged() }
}
