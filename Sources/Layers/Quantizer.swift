// Also Embedded Swift: typed throws, no key paths, no casts.
// Symmetric INT8 quantisation of weights: w ≈ quantized · scale, quantized in −127 ... 127, with a
// scale for each output channel.

/// The quantisation of one tensor of weights: `[outputs, inputs, taps…]`, or `[inputs, outputs,
/// taps…]` for a transposed convolution.
package struct Quantizer: Sendable {
    /// Product of the sizes before the axis of output channels: 1, or the number of inputs.
    private let outer: Int
    /// Output channels.
    package let channels: Int
    /// Product of the sizes after the axis of output channels.
    private let inner: Int

    /// - Parameters:
    ///   - shape: shape of the tensor.
    ///   - outputAxis: the tensor's axis of output channels, 0 or 1.
    package init(shape: [Int], outputAxis: Int) {
        outer = shape[..<outputAxis].reduce(1, *)
        channels = shape[outputAxis]
        inner = shape[(outputAxis + 1)...].reduce(1, *)
    }

    /// The scales that round the largest weight of each channel to ±127; 1 for a channel of zeros.
    ///
    /// - Returns: nil if a weight is not finite.
    package func scales(of weights: [Float]) -> [Float]? {
        // The bits of magnitudes, as integers, have the same order, with infinities and NaNs last.
        var largest = [UInt32](repeating: 0, count: channels)
        weights.withUnsafeBufferPointer { weights in
            forEachRun { channel, range in
                let largestOfRun = range.reduce(0) { max($0, weights[$1].magnitude.bitPattern) }
                largest[channel] = max(largest[channel], largestOfRun)
            }
        }
        guard largest.allSatisfy({ Float(bitPattern: $0).isFinite }) else { return nil }
        return largest.map {
            let scale = Float(bitPattern: $0) / 127
            return scale < Float.leastNormalMagnitude ? 1 : scale
        }
    }

    /// The scales that give each channel's output the smallest error, out of 16 candidates each.
    ///
    /// A smaller scale clips the largest weights and rounds all others more finely. For independent
    /// inputs x, the mean square error of an output is Σ E[x²]·(w − ŵ)².
    ///
    /// - Parameter meanSquares: E[x²] of the input of each weight; nil for ones.
    /// - Returns: nil if a weight is not finite.
    package func clippedScales(
        of weights: [Float], meanSquares: [Float]? = nil
    ) -> [Float]? {
        guard let whole = scales(of: weights) else { return nil }
        return (0..<channels).map { channel in
            let row = row(channel, of: weights)
            let importance = meanSquares.map { self.row(channel, of: $0) }
            let candidates = (0...15).map { whole[channel] * (1 - 0.02 * Float($0)) }
            let errors = candidates.map { error(row, scale: $0, importance: importance) }
            // Equal errors: the first candidate wins, the one with the largest scale.
            let best = errors.indices.min { errors[$0] < errors[$1] } ?? 0
            return candidates[best]
        }
    }

    private func error(_ row: [Float], scale: Float, importance: [Float]?) -> Float {
        let inverse = 1 / scale
        var sum: Float = 0
        for index in row.indices {
            let difference = row[index] - Self.rounded(row[index], inverseScale: inverse) * scale
            sum += (importance?[index] ?? 1) * difference * difference
        }
        return sum
    }

    /// The output channel of the weight at `place`.
    package func channel(ofPlace place: Int) -> Int { place / inner % channels }

    /// Rounds weights to nearest, ties to even, and clips them to ±127.
    ///
    /// - Returns: quantised values in the order of the tensor.
    package func quantized(_ weights: [Float], scales: [Float]) -> [Int8] {
        [Int8](unsafeUninitializedCapacity: weights.count) { quantized, initialized in
            weights.withUnsafeBufferPointer { weights in
                forEachRun { channel, range in
                    let inverse = 1 / scales[channel]
                    for index in range {
                        quantized[index] = Int8(
                            truncatingIfNeeded: Self.shifted(weights[index], inverse).bitPattern)
                    }
                }
            }
            initialized = weights.count
        }
    }

    /// Dequantised weights, quantized · scale, in the order of the tensor.
    package func dequantized(_ quantized: [Int8], scales: [Float]) -> [Float] {
        [Float](unsafeUninitializedCapacity: quantized.count) { weights, initialized in
            quantized.withUnsafeBufferPointer { quantized in
                forEachRun { channel, range in
                    for index in range {
                        weights[index] = Float(quantized[index]) * scales[channel]
                    }
                }
            }
            initialized = quantized.count
        }
    }

    /// The quantised value of one weight as a float, rounded like ``quantized(_:scales:)``.
    package static func rounded(_ weight: Float, inverseScale: Float) -> Float {
        shifted(weight, inverseScale) - shift
    }

    /// The rounded weight plus `shift`; its lowest bits are the quantised value. `Float.rounded`
    /// would be a function call on the oldest CPUs that the program is compiled for.
    private static func shifted(_ weight: Float, _ inverseScale: Float) -> Float {
        max(-127, min(127, weight * inverseScale)) + shift
    }

    /// 3 · 2²²: floats of this size have no fraction, so adding it rounds.
    private static let shift: Float = 12_582_912

    /// The values of an output channel, `[inputs, taps…]`.
    private func row(_ channel: Int, of weights: [Float]) -> [Float] {
        (0..<outer).flatMap { block in
            let first = (block * channels + channel) * inner
            return weights[first..<first + inner]
        }
    }

    /// Calls `body` with each contiguous range of one channel's weights.
    private func forEachRun(_ body: (_ channel: Int, _ range: Range<Int>) -> Void) {
        for block in 0..<outer {
            for channel in 0..<channels {
                let first = (block * channels + channel) * inner
                body(channel, first..<first + inner)
            }
        }
    }
}
