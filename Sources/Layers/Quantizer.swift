// Floats to INT8 codes with a scale for each output channel: w ≈ code · scale, code in -127 ... 127.

/// The rounding of one tensor of weights: `[outputs, inputs, taps…]`, or `[inputs, outputs, taps…]`
/// of a transposed convolution.
package struct Quantizer: Sendable {
    /// Elements before the axis of output channels: 1, or the inputs.
    private let outer: Int
    package let channels: Int
    /// Neighbours that belong to one channel.
    private let inner: Int

    /// - Parameters:
    ///   - shape: of the tensor.
    ///   - outputAxis: its axis of output channels, 0 or 1.
    package init(shape: [Int], outputAxis: Int) {
        outer = shape[..<outputAxis].reduce(1, *)
        channels = shape[outputAxis]
        inner = shape[(outputAxis + 1)...].reduce(1, *)
    }

    /// Scales with which the largest weight of each channel is ±127; 1 for a channel of zeros.
    ///
    /// - Returns: nil for weights that are not finite.
    package func scales(of weights: [Float]) -> [Float]? {
        // Of magnitudes, the bits are in the same order, infinities and NaNs last.
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

    /// For each channel the scale with which the layer's output errs the least. A scale that is
    /// smaller than the largest weight asks for clips that one and rounds all others more finely.
    ///
    /// The error of an output is the sum over its inputs of the weight's error times the input. With
    /// inputs that do not depend on each other its mean square is Σ E[x²]·(w − ŵ)², the least of
    /// which over 16 scales is taken.
    ///
    /// - Parameter meanSquares: E[x²] of the input that each weight is multiplied by; nil where it
    ///   isn't known, as if all were one.
    /// - Returns: nil for weights that are not finite.
    package func clippedScales(
        of weights: [Float], meanSquares: [Float]? = nil
    ) -> [Float]? {
        guard let whole = scales(of: weights) else { return nil }
        return (0..<channels).map { channel in
            let row = row(channel, of: weights)
            let importance = meanSquares.map { self.row(channel, of: $0) }
            let candidates = (0...15).map { whole[channel] * (1 - 0.02 * Float($0)) }
            let errors = candidates.map { error(row, scale: $0, importance: importance) }
            // The first of equals is the largest scale.
            let best = errors.indices.min { errors[$0] < errors[$1] } ?? 0
            return candidates[best]
        }
    }

    private func error(_ row: [Float], scale: Float, importance: [Float]?) -> Float {
        let inverse = 1 / scale
        var sum: Float = 0
        for index in row.indices {
            let difference = row[index] - Self.steps(row[index], inverse) * scale
            sum += (importance?[index] ?? 1) * difference * difference
        }
        return sum
    }

    /// The output channel of the weight at `place`.
    package func channel(ofPlace place: Int) -> Int { place / inner % channels }

    /// The nearest codes, ties to even; what lies beyond ±127 steps becomes ±127.
    package func codes(_ weights: [Float], scales: [Float]) -> [Int8] {
        [Int8](unsafeUninitializedCapacity: weights.count) { codes, initialized in
            weights.withUnsafeBufferPointer { weights in
                forEachRun { channel, range in
                    let inverse = 1 / scales[channel]
                    for index in range {
                        codes[index] = Int8(
                            truncatingIfNeeded: Self.shiftedSteps(weights[index], inverse)
                                .bitPattern)
                    }
                }
            }
            initialized = weights.count
        }
    }

    /// What the codes stand for.
    package func weights(_ codes: [Int8], scales: [Float]) -> [Float] {
        [Float](unsafeUninitializedCapacity: codes.count) { weights, initialized in
            codes.withUnsafeBufferPointer { codes in
                forEachRun { channel, range in
                    for index in range { weights[index] = Float(codes[index]) * scales[channel] }
                }
            }
            initialized = codes.count
        }
    }

    package static func steps(_ weight: Float, _ inverse: Float) -> Float {
        shiftedSteps(weight, inverse) - shift
    }

    /// The nearest code, ties to even, above `shift`: the code is what the lowest bits hold. Without
    /// a call, as `rounded` is one on the oldest CPUs that this is compiled for.
    private static func shiftedSteps(_ weight: Float, _ inverse: Float) -> Float {
        max(-127, min(127, weight * inverse)) + shift
    }

    /// 3 · 2²²: a float of this size has no fraction.
    private static let shift: Float = 12_582_912

    /// The values of an output channel, `[inputs, taps…]`.
    private func row(_ channel: Int, of weights: [Float]) -> [Float] {
        (0..<outer).flatMap { block in
            let first = (block * channels + channel) * inner
            return weights[first..<first + inner]
        }
    }

    /// Each run of neighbours that belong to one channel.
    private func forEachRun(_ body: (_ channel: Int, _ range: Range<Int>) -> Void) {
        for block in 0..<outer {
            for channel in 0..<channels {
                let first = (block * channels + channel) * inner
                body(channel, first..<first + inner)
            }
        }
    }
}
