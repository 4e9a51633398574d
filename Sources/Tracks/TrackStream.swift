// Also Embedded Swift: typed throws, no key paths, no casts.
// A pass over a track: a recording that is converted block by block.

import Signal
import System

/// One pass over a track, in a model's channels and rate.
package final class TrackStream {
    private let nextRecorded: () throws(AnyError) -> PlanarAudio?
    private var conversion: AudioConversion
    private var isFinished = false

    /// - Parameters:
    ///   - conversion: from the recording's channels and rate to the model's.
    ///   - next: returns the next samples of the recording; `nil` at the end.
    package init(
        _ conversion: AudioConversion, next: @escaping () throws(AnyError) -> PlanarAudio?
    ) {
        self.conversion = conversion
        nextRecorded = next
    }

    /// Channels and rate of the model.
    var channelCount: Int { conversion.newChannelCount }
    var sampleRateHz: Int { conversion.newRateHz }

    /// The next samples; `nil` at the end.
    ///
    /// - Throws: the errors of the recording.
    package func next() throws(AnyError) -> PlanarAudio? {
        while !isFinished {
            let block = try nextRecorded()
            isFinished = block == nil
            let converted = block.map { conversion.convert($0) } ?? conversion.finish()
            if converted.sampleCount > 0 { return converted }
        }
        return nil
    }
}
