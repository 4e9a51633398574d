// A resampler for signals that arrive in blocks and may be longer than memory.

/// Resamples the channels of a recording block by block, to the bits of the whole signal's result.
///
/// It holds the input samples that the filters of later outputs reach back to, and no more.
package struct ResamplingStream: Sendable {
    private let resampler: Resampler
    /// Outputs to give; `nil` for as many as the reference gives.
    private let outputLimit: Int?
    /// `[channel][sample]`, from position `base`; empty until the first block is there.
    private var input: [[Float]]
    /// Position in the signal of the first sample held; below 0 the first sample is repeated.
    private var base: Int
    /// Samples of each channel that came in and that went out.
    private var inputCount = 0
    private var outputCount = 0

    /// - Parameter outputCount: samples to give for the whole signal, if not as many as
    ///   ``Resampler/outputCount(inputCount:)`` says: fewer are cut off, more repeat the edge.
    package init(_ resampler: Resampler, channelCount: Int, outputCount: Int? = nil) {
        self.resampler = resampler
        outputLimit = outputCount
        input = [[Float]](repeating: [], count: channelCount)
        base = resampler.inputRange(for: 0..<1).lowerBound
    }

    /// Takes the next samples of the signal and gives the outputs that they complete.
    ///
    /// - Parameters:
    ///   - block: `[channel][sample]`, equally long.
    ///   - output: one array for each channel, appended to.
    package mutating func append(_ block: [[Float]], into output: inout [[Float]]) {
        precondition(block.count == input.count)
        guard let count = block.first?.count, count > 0 else { return }
        for (channel, samples) in block.enumerated() {
            if inputCount == 0 {
                input[channel] = [Float](repeating: samples[0], count: -base)
            }
            input[channel].append(contentsOf: samples)
        }
        inputCount += count
        // The reference's length grows with the input's, so what is given now stays right.
        let ready = min(
            resampler.outputCount(reachingInto: inputCount),
            outputLimit ?? resampler.outputCount(inputCount: inputCount))
        give(upTo: ready, into: &output)
    }

    /// Gives the outputs at the end of the signal, whose filters reach past it.
    package mutating func finish(into output: inout [[Float]]) {
        guard inputCount > 0 else { return }
        let total = outputLimit ?? resampler.outputCount(inputCount: inputCount)
        guard total > outputCount else { return }
        let needed = resampler.inputRange(for: total - 1..<total).upperBound
        for channel in input.indices {
            // The last sample of the signal is always held: later outputs need it.
            let edge = input[channel][input[channel].count - 1]
            let missing = max(0, needed - base - input[channel].count)
            input[channel].append(contentsOf: repeatElement(edge, count: missing))
        }
        give(upTo: total, into: &output)
    }

    private mutating func give(upTo end: Int, into output: inout [[Float]]) {
        guard end > outputCount else { return }
        let outputs = outputCount..<end
        for channel in input.indices {
            let samples = [Float](unsafeUninitializedCapacity: outputs.count) { target, count in
                guard let target = target.baseAddress else { return }
                resampler.resample(input[channel], from: base, outputs: outputs, into: target)
                count = outputs.count
            }
            output[channel].append(contentsOf: samples)
        }
        outputCount = end
        forget(before: resampler.inputRange(for: end..<end + 1).lowerBound)
    }

    /// Drops samples that no later output needs, but never the last.
    private mutating func forget(before position: Int) {
        let count = min(position - base, input[0].count - 1)
        guard count > 0 else { return }
        for channel in input.indices { input[channel].removeFirst(count) }
        base += count
    }
}
