// Also Embedded Swift: typed throws, no key paths, no casts.
// Sound in memory: the form in which it passes between readers, converters, networks and writers.

/// Samples of one or more channels at one rate, channel after channel.
public struct PlanarAudio: Sendable, Equatable {
    /// `[channel][sample]`, full scale at ±1. All channels are equally long.
    public var channels: [[Float]]

    /// Samples per second of each channel.
    public var sampleRateHz: Int

    /// The highest sample rate of recordings and models, in Hz, with a wide margin. A resampling
    /// filter costs a few hundred bytes for each Hz, so this bounds memory too.
    package static let highestRateHz = 768_000

    /// - Parameters:
    ///   - channels: `[channel][sample]`, all equally long.
    ///   - sampleRateHz: samples per second of each channel, positive.
    public init(channels: [[Float]], sampleRateHz: Int) {
        self.channels = channels
        self.sampleRateHz = sampleRateHz
    }

    /// Silence of `sampleCount` samples; no samples by default.
    ///
    /// - Parameter capacity: samples of each channel to reserve memory for.
    package init(
        channelCount: Int, sampleRateHz: Int, zeros sampleCount: Int = 0, capacity: Int = 0
    ) {
        channels = (0..<channelCount).map { _ in
            var channel = [Float](repeating: 0, count: sampleCount)
            channel.reserveCapacity(capacity)
            return channel
        }
        self.sampleRateHz = sampleRateHz
    }

    /// Channels from interleaved samples.
    ///
    /// - Parameters:
    ///   - samples: `[sample, channel]`, row-major; samples of an incomplete last row are left out.
    ///   - channelCount: positive.
    public init(
        interleaved samples: UnsafeBufferPointer<Float>, channelCount: Int, sampleRateHz: Int
    ) {
        let count = samples.count / channelCount
        channels = (0..<channelCount).map { channel in
            [Float](unsafeUninitializedCapacity: count) { values, initialised in
                for index in 0..<count {
                    values.initializeElement(
                        at: index, to: samples[index * channelCount + channel])
                }
                initialised = count
            }
        }
        self.sampleRateHz = sampleRateHz
    }

    /// The samples of all channels, `[sample, channel]`, row-major.
    public var interleaved: [Float] {
        [Float](unsafeUninitializedCapacity: channelCount * sampleCount) { values, initialised in
            for (index, channel) in channels.enumerated() {
                for sample in 0..<sampleCount {
                    values[sample * channelCount + index] = channel[sample]
                }
            }
            initialised = channelCount * sampleCount
        }
    }

    /// Channels from a flat array.
    ///
    /// - Parameter values: `[channel, sample]`, row-major.
    package init(_ values: [Float], channelCount: Int, sampleRateHz: Int) {
        precondition(channelCount > 0 && values.count.isMultiple(of: channelCount))
        let count = values.count / channelCount
        channels = (0..<channelCount).map { Array(values[$0 * count..<($0 + 1) * count]) }
        self.sampleRateHz = sampleRateHz
    }

    /// Number of channels.
    public var channelCount: Int { channels.count }

    /// Samples of each channel.
    public var sampleCount: Int { channels.first?.count ?? 0 }

    /// Length in seconds.
    public var durationSeconds: Double { Double(sampleCount) / Double(sampleRateHz) }

    /// The largest magnitude of all samples that are not NaN.
    package var peak: Float {
        channels.reduce(0) { peak, channel in
            let largest = channel.withUnsafeBufferPointer { $0.largestMagnitude }
            guard largest.isNaN else { return max(peak, largest) }
            return channel.reduce(peak) { max($0, abs($1)) }
        }
    }

    /// A part of every channel.
    package subscript(samples: Range<Int>) -> PlanarAudio {
        PlanarAudio(channels: channels.map { Array($0[samples]) }, sampleRateHz: sampleRateHz)
    }

    /// Appends audio with the same number of channels.
    ///
    /// - Parameter samples: the part to append; nil for all.
    package mutating func append(_ audio: PlanarAudio, _ samples: Range<Int>? = nil) {
        precondition(audio.channelCount == channelCount)
        let samples = samples ?? 0..<audio.sampleCount
        for index in channels.indices {
            channels[index].append(contentsOf: audio.channels[index][samples])
        }
    }

    /// Drops samples from the front of every channel.
    package mutating func removeFirst(_ count: Int) {
        for index in channels.indices { channels[index].removeFirst(count) }
    }
}

extension UnsafeBufferPointer<Float> {
    /// The largest magnitude; NaN if a value is NaN, 0 for no values.
    package var largestMagnitude: Float {
        // The bits of magnitudes, as integers, have the same order, with infinity and NaNs last.
        // The compiler vectorises a maximum of integers, but not one of floats with NaNs.
        let bits = reduce(Int32(0)) { Swift.max($0, Int32(bitPattern: $1.magnitude.bitPattern)) }
        return Float(bitPattern: UInt32(bitPattern: bits))
    }

    /// The index of the first value that is NaN or infinite.
    package var firstNotFinite: Int? {
        largestMagnitude.isFinite ? nil : firstIndex { !$0.isFinite }
    }
}
