// The ends of a RoFormer: from the spectrogram to tokens, and from tokens to masks.

import CKernels
import Layers
import Tensor

/// A token for each band of each frame: the norm of the band's numbers, and a linear layer.
///
/// PyTorch: `BandSplit` of the RoFormers.
struct BandSplit: Sendable {
    let layout: BandLayout
    /// `to_features.{band}`
    let bands: [(norm: RMSNorm, linear: Linear)]

    /// - Parameters:
    ///   - spectrogram: `[freq, time, 2 · channel]`
    ///   - numbers: those of the bands, `[frame, numbers of all bands]`, in place of the
    ///     spectrogram's; nil for these.
    /// - Returns: `[frame, band, channel]`
    func callAsFunction(
        _ spectrogram: Tensor, numbers given: Tensor? = nil, on backend: Backend
    ) -> Tensor {
        let (frames, numbers) = (spectrogram.shape[1], spectrogram.shape[2])
        let channels = bands[0].linear.outputs
        let tokens = backend.tensor(Shape(frames, bands.count, channels))
        let widest = bands.map(\.linear.inputs).max() ?? 0
        let tiling = Tiling(frames, longest: Tiling.tokenRows)
        backend.parallelFor(
            bands.count * tiling.tiles, scratch: 2 * tiling.length * widest
        ) { index, scratch in
            let (band, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
            let (norm, linear) = bands[band]
            let gathered = scratch + tiling.length * widest
            if let given {
                let first = bands[..<band].reduce(0) { $0 + $1.linear.inputs }
                for (row, frame) in range.enumerated() {
                    (gathered + row * linear.inputs).update(
                        from: given.pointer + frame * given.shape[1] + first, count: linear.inputs)
                }
            } else {
                for (place, bin) in layout.bands[band].enumerated() {
                    let row = spectrogram.pointer + (bin * frames + range.lowerBound) * numbers
                    for frame in 0..<range.count {
                        (gathered + frame * linear.inputs + place * numbers).update(
                            from: row + frame * numbers, count: numbers)
                    }
                }
            }
            let normalised = linear.weight.operand(in: scratch, ld: linear.inputs)
            norm.normalise(
                rows: range.count, gathered, ld: linear.inputs, into: normalised, on: backend)
            linear.weight.multiply(
                rows: range.count, normalised, bias: linear.bias.shift.pointer,
                into: tokens.pointer + (range.lowerBound * bands.count + band) * channels,
                ldc: bands.count * channels, on: backend)
        }
        return withExtendedLifetime((spectrogram, given)) { tokens }
    }

    /// The numbers of the bands, which are normalised each: the bands' bins, one band after the other.
    ///
    /// - Parameter spectrogram: `[freq, time, 2 · channel]`
    /// - Returns: `[frame, numbers of all bands]`
    func numbers(_ spectrogram: Tensor, on backend: Backend) -> Tensor {
        let (frames, numbers) = (spectrogram.shape[1], spectrogram.shape[2])
        let result = backend.tensor(Shape(frames, layout.binsOfAllBands * numbers))
        var place = result.pointer
        for frame in 0..<frames {
            for bin in layout.bands.joined() {
                place.update(
                    from: spectrogram.pointer + (bin * frames + frame) * numbers, count: numbers)
                place += numbers
            }
        }
        return withExtendedLifetime(spectrogram) { result }
    }
}

/// The complex mask of each bin of each frame, for one stem.
///
/// PyTorch: `MaskEstimator` of the RoFormers.
struct MaskEstimator: Sendable {
    let layout: BandLayout
    /// `to_freqs.{band}.0`: linear layers with tanh between them; the last one has twice the band's
    /// numbers, for the GLU.
    let bands: [[Linear]]

    /// Multiplies a spectrogram by the masks of its bands, averaged where bands overlap.
    ///
    /// - Parameters:
    ///   - spectrogram: `[freq, time, 2 · channel]`
    ///   - masks: `[frame, numbers of all bands]`
    ///   - bandCounts: the number of bands that have each bin.
    /// - Returns: `[freq, time, 2 · channel]`
    func masked(
        _ spectrogram: Tensor, by masks: Tensor, bandCounts: [Int], on backend: Backend
    ) -> Tensor {
        let (frames, numbers) = (spectrogram.shape[1], spectrogram.shape[2])
        // The places of each bin in a frame's masks.
        var places = [[Int]](repeating: [], count: layout.bins)
        var first = 0
        for band in layout.bands {
            for bin in band { places[bin].append(first + (bin - band.lowerBound) * numbers) }
            first += band.count * numbers
        }
        let result = backend.tensor(spectrogram.shape)
        backend.parallelFor(layout.bins) { bin in
            let share = 1 / Float(bandCounts[bin])
            for frame in 0..<frames {
                let place = (bin * frames + frame) * numbers
                let (z, out) = (spectrogram.pointer + place, result.pointer + place)
                let mask = masks.pointer + frame * masks.shape[1]
                for part in stride(from: 0, to: numbers, by: 2) {
                    var (re, im) = (Float(0), Float(0))
                    for place in places[bin] {
                        re += mask[place + part]
                        im += mask[place + part + 1]
                    }
                    (re, im) = (re * share, im * share)
                    out[part] = z[part] * re - z[part + 1] * im
                    out[part + 1] = z[part] * im + z[part + 1] * re
                }
            }
        }
        return withExtendedLifetime((masks, spectrogram)) { result }
    }

    /// The masks of all bands, one after the other: `[frame, numbers of all bands]`.
    ///
    /// - Parameter tokens: `[frame, band, channel]`
    func callAsFunction(_ tokens: Tensor, on backend: Backend) -> Tensor {
        let (frames, channels) = (tokens.shape[0], tokens.shape[2])
        var columns: [Int] = []
        var next = 0
        for band in bands {
            columns.append(next)
            next += band.last!.outputs / 2
        }
        let masks = backend.tensor(Shape(frames, next))
        let tiling = Tiling(frames, longest: Tiling.tokenRows)
        // Not a power of two: such rows would compete for the same sets of the cache.
        let widest = (bands.flatMap { $0.map(\.outputs) }.max() ?? 0) + 16
        // The widest bands first: they take the longest.
        let order = bands.indices.sorted { bands[$0].last!.outputs > bands[$1].last!.outputs }
        backend.parallelFor(
            bands.count * tiling.tiles, scratch: 2 * tiling.length * widest
        ) { index, scratch in
            let (band, range) = (order[index / tiling.tiles], tiling[index % tiling.tiles])
            var (input, output) = (scratch + tiling.length * widest, scratch)
            for (position, layer) in bands[band].enumerated() {
                if position == 0 {
                    layer.weight.multiply(
                        rows: range.count,
                        tokens.pointer + (range.lowerBound * bands.count + band) * channels,
                        lda: bands.count * channels, into: output, ldc: widest, on: backend)
                } else {
                    layer.weight.multiply(
                        rows: range.count, input, lda: widest, into: output, ldc: widest,
                        on: backend)
                }
                if position < bands[band].count - 1 {
                    backend.kernels.f32_affine_tanh(
                        range.count, layer.outputs, layer.bias.scale.pointer,
                        layer.bias.shift.pointer, output, widest, output, widest)
                } else {
                    backend.kernels.f32_affine_glu(
                        range.count, layer.outputs / 2, layer.bias.scale.pointer,
                        layer.bias.shift.pointer, output, widest,
                        masks.pointer + range.lowerBound * masks.shape[1] + columns[band],
                        masks.shape[1])
                }
                swap(&input, &output)
            }
        }
        return withExtendedLifetime(tokens) { masks }
    }
}
