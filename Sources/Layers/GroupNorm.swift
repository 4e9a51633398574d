// Also Embedded Swift: typed throws, no key paths, no casts.
// Group normalisation of channels-last activations (Wu, He 2018, arXiv:1803.08494).

import Tensor

/// The sum and the sum of squares of a set of values, in double.
package typealias Moments = SIMD2<Double>

extension Backend {
    /// The moments of a `[rows, columns]` matrix, rows `ld` floats apart.
    package func moments(
        rows: Int, columns: Int, _ x: UnsafePointer<Float>, ld: Int
    ) -> Moments {
        var sums = Moments.zero
        withUnsafeMutableBytes(of: &sums) { bytes in
            // A SIMD2<Double> has the layout of the two doubles that the kernel adds to.
            kernels.f32_moments(
                rows, columns, x, ld, bytes.bindMemory(to: Double.self).baseAddress!)
        }
        return sums
    }

    /// The sum of the moments that `body` gives for each tile, in parallel, added in the order of
    /// the tiles.
    package func sumOfMoments(
        _ tiling: Tiling, scratch floats: Int,
        _ body: (_ range: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) -> Moments
    ) -> Moments {
        var partial = [Moments](repeating: .zero, count: tiling.tiles)
        partial.withUnsafeMutableBufferPointer { partial in
            // The closure runs on several threads, so it captures a constant pointer; each call
            // writes its own element.
            let partial = partial.baseAddress!
            parallelFor(tiling.tiles, scratch: floats) { tile, scratch in
                partial[tile] = body(tiling[tile], scratch)
            }
        }
        return partial.reduce(.zero, +)
    }

    package func sumOfMoments(
        _ tiling: Tiling, _ body: (_ range: Range<Int>) -> Moments
    ) -> Moments {
        sumOfMoments(tiling, scratch: 0) { range, _ in body(range) }
    }
}

/// Normalises groups of channels to mean 0 and variance 1 over all positions, then scales and
/// shifts each channel.
///
/// (x − mean) / √(biased variance + ε) · gain + bias.   PyTorch: `nn.GroupNorm(groups, channels)`.
package struct GroupNorm: Sendable {
    package let groups: Int
    /// Gain and bias, after the normalisation.
    private let affine: ChannelAffine

    /// PyTorch's default, which the reference uses everywhere.
    package static let epsilon = 1e-5

    package init(groups: Int, gain: [Float], bias: [Float], on backend: Backend) {
        self.groups = groups
        affine = ChannelAffine(scale: gain, shift: bias, on: backend)
    }

    package var channels: Int { affine.channels }

    /// The affine map of each channel of a group with these moments.
    ///
    /// - Parameters:
    ///   - moments: moments of the values of `group`.
    ///   - count: number of these values.
    ///   - scale: `[channels]`; the elements of the group are written.
    ///   - shift: `[channels]`; the elements of the group are written.
    package func resolve(
        group: Int = 0, _ moments: Moments, count: Int,
        scale: UnsafeMutablePointer<Float>, shift: UnsafeMutablePointer<Float>
    ) {
        let mean = moments[0] / Double(count)
        let variance = max(0, moments[1] / Double(count) - mean * mean)
        let factor = 1 / (variance + Self.epsilon).squareRoot()
        let perGroup = channels / groups
        withExtendedLifetime(self) {
            for channel in group * perGroup..<(group + 1) * perGroup {
                let slope = Double(affine.scale.pointer[channel]) * factor
                scale[channel] = Float(slope)
                shift[channel] = Float(Double(affine.shift.pointer[channel]) - mean * slope)
            }
        }
    }

    /// The affine map of the channels that normalises `x` and applies gain and bias.
    ///
    /// - Parameter x: `[…, channels]`
    package func affine(normalizing x: Tensor, on backend: Backend) -> ChannelAffine {
        let rows = x.count / channels
        let perGroup = channels / groups
        let tiling = Tiling(rows, longest: Tiling.signalRows)
        let result = ChannelAffine(channels: channels, on: backend)
        for group in 0..<groups {
            let moments = backend.sumOfMoments(tiling) { range in
                backend.moments(
                    rows: range.count, columns: perGroup,
                    x.pointer + range.lowerBound * channels + group * perGroup, ld: channels)
            }
            withExtendedLifetime(result) {
                resolve(
                    group: group, moments, count: rows * perGroup, scale: result.scale.pointer,
                    shift: result.shift.pointer)
            }
        }
        return result
    }
}
