// From the channels and the rate of a file to those of a model.

import Signal
import Tensor

extension AudioBuffer {
    /// The sound with another number of channels and another rate: channels first, as the reference.
    ///
    /// Mono is repeated in every channel; of more channels than wanted the first ones stay; one
    /// channel is the mean of all.
    ///
    /// - Throws: ``AudioError/tooFewChannels(found:needed:)`` if several channels should become more,
    ///   ``AudioError/invalidBuffer(problem:)`` as ``validate()``.
    ///
    /// Demucs: `demucs.audio.convert_audio`.
    package func converted(
        toChannels count: Int, rateHz: Int, on backend: Backend
    ) throws(AudioError) -> AudioBuffer {
        try validate()
        let resampler = Resampler(from: sampleRateHz, to: rateHz)
        if channels.count == 1 {
            // Resampled once: the copies are the same array.
            let channel = resampler.resample(channels[0], on: backend)
            return AudioBuffer(
                channels: [[Float]](repeating: channel, count: count), sampleRateHz: rateHz)
        }
        guard channels.count >= count else {
            throw .tooFewChannels(found: channels.count, needed: count)
        }
        let kept = count == 1 ? [meanOfChannels()] : Array(channels.prefix(count))
        return AudioBuffer(
            channels: kept.map { resampler.resample($0, on: backend) }, sampleRateHz: rateHz)
    }

    private func meanOfChannels() -> [Float] {
        var mean = channels[0]
        for channel in channels.dropFirst() {
            for index in mean.indices { mean[index] += channel[index] }
        }
        let count = Float(channels.count)
        for index in mean.indices { mean[index] /= count }
        return mean
    }
}
