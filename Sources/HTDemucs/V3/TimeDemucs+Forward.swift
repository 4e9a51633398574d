// Also Embedded Swift: typed throws, no key paths, no casts.
// The forward pass of Demucs. Sizes in the comments are those of a 44 s segment of the published
// size: 1,940,400 samples, 4 sources, 2 audio channels. Activations are `[1, time, channel]`.

import Layers
import Networks
import Signal
import System
import Tensor

extension TimeDemucs {
    /// Separates a piece of music of any length.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`
    ///   - observer: notified after each block; may take intermediate values and stop the pass.
    /// - Returns: `[sources, audioChannels, samples]`
    ///
    /// PyTorch: `Demucs.forward`.
    package func forward(
        _ mix: Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        let pass = ForwardPass(on: backend, observer: observer)
        let backend = pass.backend
        let samples = mix.shape[1]
        pass.probe?("mix", .tokens, mix)
        let statistics = configuration.arguments.normalize ? monoStatistics(mix) : nil
        try pass.completed(.normalisation)
        let valid = validLength(samples)
        let lead = (valid - samples) / 2
        var x = upsampled(mix, valid: valid, lead: lead, statistics)  // [1, 3884372, 2]
        try pass.completed(.resample)
        pass.probe?("x", .waveform, x)

        var skips: [Skip] = []
        for (level, encode) in encoder.enumerated() {
            let (output, skip) = encode(x, in: pass.scope("encoder.\(level)"))
            x = output
            // [1, 971092, 64] … [1, 947, 2048]
            try pass.completed(.encoder(level))
            if let skip { skips.append(skip) }
        }
        if let lstm {
            x = lstm(x, on: backend)
            pass.probe?("lstm", .waveform, x)
            try pass.completed(.lstm)
        }
        // Without an LSTM the innermost skip equals x.
        skips.popLast()?.add(to: x, on: backend)
        for (index, decode) in decoder.enumerated() {
            // Lengths are valid, so a decoder layer restores exactly its encoder layer's input
            // length.
            let length = decode.convTranspose.outputLength(x.shape[1])
            (x, _) = decode(
                consume x, length: length, nextSkip: skips.popLast(),
                in: pass.scope("decoder.\(index)"))
            // [1, 3792, 1024] … [1, 3884372, 8]
            try pass.completed(.decoder(index))
        }
        let stems = downsampled(x, samples: samples, lead: lead, statistics)
        pass.probe?("final", .tokens, stems)
        try pass.completed(.resample)
        return stems
    }

    /// Mean and unbiased standard deviation of the mono mix, the mean of all channels.
    private func monoStatistics(_ mix: Tensor) -> InputStatistics {
        let (channels, samples) = (mix.shape[0], mix.shape[1])
        let share = 1 / Float(channels)
        let moments = backend.sumOfMoments(Tiling(samples, longest: Self.tileElements)) { range in
            var sums = Moments.zero
            for time in range {
                var sum: Float = 0
                for channel in 0..<channels { sum += mix.pointer[channel * samples + time] }
                let mono = Double(sum * share)
                sums += Moments(mono, mono * mono)
            }
            return sums
        }
        return InputStatistics(moments, count: samples)
    }

    /// The normalised mix, padded with zeros, at the network's sample rate.
    ///
    /// - Parameters:
    ///   - valid: length with the padding.
    ///   - lead: length of the padding before the mix.
    /// - Returns: `[1, time, audioChannels]`
    private func upsampled(
        _ mix: Tensor, valid: Int, lead: Int, _ statistics: InputStatistics?
    ) -> Tensor {
        let (channels, samples) = (mix.shape[0], mix.shape[1])
        let outputs = valid * upsampler.newHz
        let inputs = upsampler.inputRange(for: 0..<outputs)
        // Input of the resampler: the mix, the zeros around it, and the repeated edge samples.
        let padded = backend.tensor(Shape(channels, inputs.count))
        let divisor = InputStatistics.epsilon + (statistics?.standardDeviation ?? 0)
        backend.parallelFor(channels) { channel in
            let source = mix.pointer + channel * samples
            let target = padded.pointer + channel * inputs.count
            for position in inputs {
                // The resampler repeats the first and the last sample beyond the ends.
                let index = min(max(position, 0), valid - 1) - lead
                var value = index >= 0 && index < samples ? source[index] : 0
                if let statistics, index >= 0, index < samples {
                    value = (value - statistics.mean) / divisor
                }
                target[position - inputs.lowerBound] = value
            }
        }
        let planar = backend.tensor(Shape(channels, outputs))
        resample(padded, from: inputs.lowerBound, with: upsampler, into: planar)
        return channelsLast(planar)
    }

    /// The network's output at the mix's sample rate, denormalised and cropped.
    ///
    /// - Parameter x: `[1, time, sources · audioChannels]`
    /// - Returns: `[sources, audioChannels, samples]`
    private func downsampled(
        _ x: Tensor, samples: Int, lead: Int, _ statistics: InputStatistics?
    ) -> Tensor {
        let (times, rows) = (x.shape[1], x.shape[2])
        let outputs = lead..<lead + samples
        let inputs = downsampler.inputRange(for: outputs)
        let padded = backend.tensor(Shape(rows, inputs.count))
        backend.forEachTile(of: inputs.count, longest: Self.tileElements) { range in
            for place in range {
                let time = min(max(inputs.lowerBound + place, 0), times - 1)
                for row in 0..<rows {
                    padded.pointer[row * inputs.count + place] = x.pointer[time * rows + row]
                }
            }
        }
        let result = backend.keptTensor(
            Shape([
                configuration.arguments.sources.count, configuration.arguments.audioChannels,
                samples,
            ]))
        resample(
            padded, from: inputs.lowerBound, with: downsampler, first: lead,
            into: result.reshaped(Shape(rows, samples)))
        if let statistics { statistics.denormalise(result, on: backend) }
        return result
    }

    /// Resamples each row.
    ///
    /// - Parameters:
    ///   - padded: `[rows, …]`, each row from the position `start` on.
    ///   - first: position of the first output.
    ///   - result: `[rows, outputs]`
    private func resample(
        _ padded: Tensor, from start: Int, with resampler: Resampler, first: Int = 0,
        into result: Tensor
    ) {
        let (rows, outputs) = (result.shape[0], result.shape[1])
        let tiling = Tiling(outputs, longest: Self.tileElements)
        backend.parallelFor(rows * tiling.tiles) { index in
            let (row, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
            resampler.resample(
                padded.pointer + row * padded.shape[1], from: start,
                outputs: first + range.lowerBound..<first + range.upperBound,
                into: result.pointer + row * outputs + range.lowerBound)
        }
    }
}
