// Also Embedded Swift: typed throws, no key paths, no casts.
// A resampler for signals that arrive in blocks and may be longer than memory.

/// Resamples a signal block by block; the result has the same bits as for the whole signal at once.
///
/// Memory: the input samples that later outputs still need.
package struct ResamplingStream: Sendable {
    private let resampler: Resampler
    private let isEndless: Bool
    /// Samples from position `base` on; empty until the first block has come.
    private var input: PlanarAudio
    /// Position in the signal of the first sample of `input`; below 0 the first sample is repeated.
    private var base: Int
    /// Samples of each channel that were read and that were given.
    private var inputCount = 0
    private var outputCount = 0

    /// - Parameter isEndless: whether the signal may go on for days. The length of its result is then
    ///   that of its filters and not the reference's, which float32 rounds.
    package init(_ resampler: Resampler, channelCount: Int, isEndless: Bool = false) {
        self.resampler = resampler
        self.isEndless = isEndless
        input = PlanarAudio(channelCount: channelCount, sampleRateHz: resampler.oldHz)
        base = resampler.inputRange(for: 0..<1).lowerBound
    }

    /// Takes the next samples of the signal and gives the outputs that they complete.
    ///
    /// - Parameter limit: the most samples to give for the whole signal.
    package mutating func append(_ block: PlanarAudio, limit: Int = .max) -> PlanarAudio {
        precondition(block.channelCount == input.channelCount)
        if resampler.oldRate == resampler.newRate { return block }
        guard block.sampleCount > 0 else { return outputs(upTo: outputCount) }
        if inputCount == 0 {
            for (index, channel) in block.channels.enumerated() {
                input.channels[index] = [Float](repeating: channel[0], count: -base)
            }
        }
        input.append(block)
        inputCount += block.sampleCount
        // The reference's output length grows with the input, so all these outputs are in the
        // result.
        return outputs(
            upTo: min(
                limit, resampler.outputCount(reachingInto: inputCount),
                isEndless ? limit : resampler.outputCount(inputCount: inputCount)))
    }

    /// Gives the outputs at the end of the signal, whose filters reach past it.
    ///
    /// - Parameter wanted: samples to give for the whole signal, by default
    ///   ``Resampler/outputCount(inputCount:)``. A larger number repeats the edge; a smaller one
    ///   than was given so far has no effect, see the limit of ``append(_:limit:)``. Ignored if
    ///   both rates are equal.
    package mutating func finish(outputCount wanted: Int? = nil) -> PlanarAudio {
        guard inputCount > 0 else { return outputs(upTo: 0) }
        let total = wanted ?? resampler.outputCount(inputCount: inputCount)
        guard total > outputCount else { return outputs(upTo: outputCount) }
        let needed = resampler.inputRange(for: total - 1..<total).upperBound
        let missing = max(0, needed - base - input.sampleCount)
        for index in input.channels.indices {
            // The last sample of the signal is always held: later outputs need it.
            let edge = input.channels[index][input.channels[index].count - 1]
            input.channels[index].append(contentsOf: repeatElement(edge, count: missing))
        }
        return outputs(upTo: total)
    }

    private mutating func outputs(upTo end: Int) -> PlanarAudio {
        let outputs = outputCount..<max(outputCount, end)
        guard !outputs.isEmpty else {
            return PlanarAudio(channelCount: input.channelCount, sampleRateHz: resampler.newHz)
        }
        let channels = input.channels.map { channel in
            [Float](unsafeUninitializedCapacity: outputs.count) { target, count in
                guard let target = target.baseAddress else { return }
                resampler.resample(channel, from: base, outputs: outputs, into: target)
                count = outputs.count
            }
        }
        outputCount = end
        forget(before: resampler.inputRange(for: end..<end + 1).lowerBound)
        return PlanarAudio(channels: channels, sampleRateHz: resampler.newHz)
    }

    /// Drops samples that no later output needs, but never the last.
    private mutating func forget(before position: Int) {
        let count = min(position - base, input.sampleCount - 1)
        guard count > 0 else { return }
        input.removeFirst(count)
        base += count
    }
}
