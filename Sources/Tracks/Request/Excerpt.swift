// Also Embedded Swift: typed throws, no key paths, no casts.
/// A part of a track, separated as if it were the whole file; the statistics are the part's own.
public struct Excerpt: Sendable, Equatable {
    /// Start in seconds, from 0.
    public var startSeconds: Double
    /// Length in seconds, positive; `nil` goes on to the end.
    public var durationSeconds: Double?

    /// Times in seconds; `nil` to the end of the track.
    public init(startSeconds: Double = 0, durationSeconds: Double? = nil) {
        self.startSeconds = startSeconds
        self.durationSeconds = durationSeconds
    }
}

extension Excerpt {
    /// Longer than any recording, and small enough that counts of samples don't overflow.
    private static let longestSeconds = 1e9

    /// End in seconds; `nil` for that of the track.
    package var endSeconds: Double? { durationSeconds.map { startSeconds + $0 } }

    /// - Throws: `SeparationError.invalidOption`.
    package func validate() throws(SeparationError) {
        try SeparationError.require(
            startSeconds >= 0 && startSeconds <= Excerpt.longestSeconds, "start", startSeconds,
            "a number of seconds from 0")
        guard let durationSeconds else { return }
        try SeparationError.require(
            durationSeconds > 0 && durationSeconds <= Excerpt.longestSeconds, "duration",
            durationSeconds, "a positive number of seconds")
    }

    /// Range of the excerpt's samples in a recording.
    ///
    /// - Parameter sampleCount: length of the recording.
    /// - Throws: `SeparationError.excerptOutside` if the excerpt begins after the end,
    ///   `SeparationError.invalidOption`.
    package func range(in sampleCount: Int, rateHz: Int) throws(SeparationError) -> Range<Int> {
        let range = try samples(rateHz: rateHz)
        guard sampleCount > range.lowerBound || sampleCount == 0 else {
            throw .excerptOutside(
                startSeconds: Double(range.lowerBound) / Double(rateHz),
                trackSeconds: Double(sampleCount) / Double(rateHz))
        }
        return range.clamped(to: 0..<sampleCount)
    }

    /// Range of the excerpt's samples in a recording of this rate; both ends are rounded to the
    /// nearest sample.
    package func samples(rateHz: Int) throws(SeparationError) -> Range<Int> {
        try validate()
        func sample(at seconds: Double) -> Int { Int((seconds * Double(rateHz)).rounded()) }
        let start = sample(at: startSeconds)
        guard let durationSeconds else { return start..<Int.max }
        // A duration of less than a sample gives one sample.
        return start..<max(start + 1, sample(at: startSeconds + durationSeconds))
    }
}
