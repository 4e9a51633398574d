import Signal

/// Reads the excerpt of a recording.
final class ExcerptReader {
    private let reader: any RecordingReader
    private let excerpt: Excerpt?
    private let maximumSeconds: Double?
    /// The excerpt in samples of the recording.
    private let range: Range<Int>
    /// Samples of the recording that were read.
    private var position = 0
    private var isAtEnd = false

    /// - Parameters:
    ///   - excerpt: the part to read; `nil` for all of it.
    ///   - maximumSeconds: longest recording, or excerpt of it, to accept; `nil` for any length.
    /// - Throws: `SeparationError.invalidOption` for the excerpt.
    init(
        _ reader: any RecordingReader, excerpt: Excerpt?, maximumSeconds: Double?
    ) throws(SeparationError) {
        self.reader = reader
        self.excerpt = excerpt
        self.maximumSeconds = maximumSeconds
        range = try excerpt?.samples(rateHz: reader.sampleRateHz) ?? 0..<Int.max
    }

    var name: String { reader.name }
    var speakers: [Speaker]? { reader.speakers }

    /// Channels and rate of the recording.
    var channelCount: Int { reader.channelCount }
    var sampleRateHz: Int { reader.sampleRateHz }

    /// Samples of the excerpt that were read, at the recording's rate.
    var recordedSamples: Int { range.clamped(to: 0..<position).count }

    /// The reader's warnings. Truncation only shows at the recording's end, which an excerpt may
    /// not reach.
    var warnings: [AudioWarning] { isAtEnd ? reader.warnings : [] }

    /// The error of a recording without samples.
    var emptyError: any Error { reader.emptyError }

    /// The next samples of the excerpt. The samples before it are decoded too where seeking is not
    /// exact.
    ///
    /// - Returns: nil at the end.
    /// - Throws: `SeparationError.excerptOutside`, `SeparationError.longerThanAllowed`, the errors of
    ///   the reader.
    func next() throws -> PlanarAudio? {
        if position == 0, range.lowerBound > 0 { position = try reader.skip(range.lowerBound) }
        while position < range.upperBound {
            guard let block = try reader.next() else {
                isAtEnd = true
                _ = try excerpt?.range(in: position, rateHz: reader.sampleRateHz)
                return nil
            }
            let start = position
            position += block.sampleCount
            // Announced lengths can't be trusted: the samples are counted.
            if let maximumSeconds,
                Double(recordedSamples) > maximumSeconds * Double(reader.sampleRateHz)
            {
                throw SeparationError.longerThanAllowed(limitSeconds: maximumSeconds)
            }
            let wanted = range.clamped(to: start..<position)
            if wanted.isEmpty { continue }
            return wanted.count == block.sampleCount
                ? block : block[wanted.lowerBound - start..<wanted.upperBound - start]
        }
        return nil
    }
}
