// Also Embedded Swift: typed throws, no key paths, no casts.
// Recordings that lie in memory, in a file of samples, or anywhere else.

import Signal
import System

/// A recording of known length, such as audio in memory, that is read range after range.
package final class RangeReader {
    package let channelCount: Int
    package let sampleRateHz: Int
    package let plausibleSamples: Int
    private let blockSamples: Int
    private let read: (Range<Int>) throws(AnyError) -> PlanarAudio
    private var position = 0

    /// - Parameters:
    ///   - blockSamples: samples of each range but the last, which may be shorter.
    ///   - read: returns the samples of a range.
    package init(
        channelCount: Int, sampleRateHz: Int, sampleCount: Int, blockSamples: Int = 16_384,
        read: @escaping (Range<Int>) throws(AnyError) -> PlanarAudio
    ) {
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        plausibleSamples = sampleCount
        self.blockSamples = blockSamples
        self.read = read
    }

    package convenience init(_ audio: PlanarAudio) {
        self.init(
            channelCount: audio.channelCount, sampleRateHz: audio.sampleRateHz,
            sampleCount: audio.sampleCount, read: { audio[$0] })
    }

    /// The next samples; `nil` at the end.
    ///
    /// - Throws: the errors of reading a range.
    package func next() throws(AnyError) -> PlanarAudio? {
        let start = position
        position = min(start + blockSamples, plausibleSamples)
        return start == position ? nil : try read(start..<position)
    }
}
