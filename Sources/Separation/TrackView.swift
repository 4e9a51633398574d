// A track as one shifted pass sees it: normalised, with zeros around it, read in windows.
// Reference: `TensorChunk` in demucs/apply.py.

import Tensor

/// Normalised samples of a track behind `leadSamples` zeros, without a copy of the track.
///
/// Position 0 is the first of the leading zeros. Windows may reach past both ends: everything
/// outside the track reads as zero.
struct TrackView {
    /// `[channel][sample]`, equally long.
    let channels: [[Float]]
    let leadSamples: Int
    private let mean: Float
    private let scale: Float

    init(_ channels: [[Float]], statistics: TrackStatistics, leadSamples: Int) {
        self.channels = channels
        self.leadSamples = leadSamples
        mean = statistics.mean
        scale = statistics.scale
    }

    /// The leading zeros and the track.
    var count: Int { leadSamples + (channels.first?.count ?? 0) }

    /// Fills a window that starts at `start`.
    /// - Parameter window: `[channels, samples]`.
    func read(from start: Int, into window: Tensor) {
        let windowSamples = window.shape[1]
        precondition(window.shape == [channels.count, windowSamples])
        for (index, channel) in channels.enumerated() {
            // Row `index` of the window, all of it and no more.
            let row = UnsafeMutableBufferPointer(
                start: window.pointer + index * windowSamples, count: windowSamples)
            let first = start - leadSamples
            let inside = max(0, first)..<max(0, first, min(channel.count, first + windowSamples))
            row.update(repeating: 0)
            channel.withUnsafeBufferPointer { samples in
                for position in inside {
                    row[position - first] = (samples[position] - mean) / scale
                }
            }
        }
        withExtendedLifetime(window) {}
    }
}
