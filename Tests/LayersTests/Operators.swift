// Each operator of the engine as a function of whole arrays, channels last, for the tests of this
// folder. Only this file knows how an operator gets its memory.

import Layers
import Tensor
import TestSupport

struct Operators {
    let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    private func tensor(_ array: LaidOut) -> Tensor {
        backend.tensor(array.shape, array.values)
    }

    private func array(_ tensor: Tensor) -> LaidOut {
        LaidOut(tensor.shape, tensor.floats)
    }

    // MARK: - Products

    /// - Parameters:
    ///   - x: `[freq, time, inputs]`
    ///   - weight: `[outputs, inputs, kernel.freq, kernel.time]`
    func convolution(
        _ x: LaidOut, weight: [Float], bias: [Float], kernel: Conv2d.Pair, stride: Conv2d.Pair,
        padding: Conv2d.Pair
    ) -> LaidOut {
        let conv = Conv2d(
            weight: .floats(weight, on: backend), inputs: x.shape[2], outputs: bias.count,
            kernel: kernel, stride: stride,
            padding: padding, on: backend)
        let affine = ChannelAffine(bias: bias, on: backend)
        let x = tensor(x)
        let (freqs, times) = (x.shape[0], x.shape[1])
        let result = backend.tensor([
            conv.outputFreqs(freqs), conv.outputTimes(times), conv.outputs,
        ])
        let outputTimes = result.shape[1]
        let groups = conv.rowGroups(freqs)
        let scratchFloats = conv.scratchFloats(times: outputTimes)
        backend.parallelFor(groups.tiles, scratch: scratchFloats) { group, scratch in
            let rows = groups[group]
            let target = result.pointer + rows.lowerBound * outputTimes * conv.outputs
            conv.multiply(
                rows: rows, 0..<outputTimes, x: x.pointer, freqs: freqs, times: times,
                into: target, rowStride: outputTimes * conv.outputs, ldo: conv.outputs,
                scratch: scratch, on: backend)
            affine.apply(
                rows: rows.count * outputTimes, target, ld: conv.outputs, on: backend)
        }
        return array(result)
    }

    /// - Parameters:
    ///   - x: `[freq, time, inputs]`; one row for a convolution over time.
    ///   - weight: `[inputs, outputs, kernel]`
    func transposedConvolution(
        _ x: LaidOut, overFrequency: Bool, weight: [Float], bias: [Float], kernel: Int,
        stride: Int
    ) -> LaidOut {
        let conv = ConvTranspose(
            weight: .floats(weight, on: backend), inputs: x.shape[2], outputs: bias.count,
            kernel: kernel, stride: stride, on: backend)
        let x = tensor(x)
        let (freqs, times) = (x.shape[0], x.shape[1])
        let (length, others) = overFrequency ? (freqs, times) : (times, freqs)
        // [group, time, stride, outputs], with one time over time.
        let groups = backend.tensor([conv.groups(length), others, stride, bias.count])
        // Two parts over time, because the engine also cuts a signal into tiles.
        let parts = Tiling(conv.groups(length), longest: overFrequency ? 1 : length / 2 + 1)
        backend.parallelFor(parts.tiles) { part in
            let target = groups.pointer + parts[part].lowerBound * others * conv.groupFloats
            if overFrequency {
                conv.multiply(
                    group: part, x: x.pointer, freqs: freqs, times: times, into: target,
                    on: backend)
            } else {
                conv.multiply(
                    groups: parts[part], x: x.pointer, length: length, into: target, on: backend)
            }
        }
        ChannelAffine(bias: bias, on: backend).apply(
            rows: groups.count / bias.count, groups.pointer, on: backend)
        let rows = array(groups).permuted([0, 2, 1, 3])
        let count = conv.outputLength(length)
        return LaidOut(
            overFrequency ? [count, times, bias.count] : [1, count, bias.count],
            Array(rows.values.prefix(count * others * bias.count)))
    }

    /// - Parameters:
    ///   - x: `[…, inputs]`
    ///   - weight: `[outputs, inputs]`
    func linear(_ x: LaidOut, weight: [Float], bias: [Float]) -> LaidOut {
        let linear = Linear(
            weight: .floats(weight, on: backend), bias: bias, inputs: weight.count / bias.count,
            on: backend)
        return array(linear(tensor(x), on: backend))
    }

    /// - Parameters:
    ///   - query: `[tokens, channels]`
    ///   - key: `[others, channels]`, keys and values.
    func attention(
        _ query: LaidOut, _ key: LaidOut, heads: Int, inWeight: [Float], inBias: [Float],
        outWeight: [Float], outBias: [Float]
    ) -> LaidOut {
        let attention = MultiheadAttention(
            channels: outBias.count, heads: heads,
            inWeight: .floats(inWeight, on: backend), inBias: inBias,
            outWeight: .floats(outWeight, on: backend), outBias: outBias, on: backend)
        let attended = attention.attend(
            attention.query(tensor(query), on: backend),
            attention.keyValue(tensor(key), on: backend), on: backend)
        return array(attention.output(attended, on: backend))
    }

    /// Attention from the weights that a trace writes, and a plain product with the values.
    func attentionFromWeights(
        _ query: LaidOut, _ key: LaidOut, heads: Int, inWeight: [Float], inBias: [Float],
        outWeight: [Float], outBias: [Float]
    ) -> LaidOut {
        let channels = outBias.count
        let attention = MultiheadAttention(
            channels: channels, heads: heads,
            inWeight: .floats(inWeight, on: backend), inBias: inBias,
            outWeight: .floats(outWeight, on: backend), outBias: outBias, on: backend)
        let queries = attention.query(tensor(query), on: backend)
        let keysValues = attention.keyValue(tensor(key), on: backend)
        let (others, size) = (keysValues.shape[0], channels / heads)
        let values = keysValues.floats
        var attended = [Float](repeating: 0, count: queries.shape[0] * channels)
        for head in 0..<heads {
            let weights = attention.weights(head, queries, keysValues, on: backend)
            precondition(Array(weights.shape) == [queries.shape[0], others])
            let rows = weights.floats
            for token in 0..<queries.shape[0] {
                for channel in head * size..<(head + 1) * size {
                    let terms = (0..<others).map {
                        Double(rows[token * others + $0])
                            * Double(values[$0 * 2 * channels + channels + channel])
                    }
                    attended[token * channels + channel] = Float(terms.reduce(0, +))
                }
            }
        }
        return array(attention.output(backend.tensor(queries.shape, attended), on: backend))
    }

    // MARK: - Norms and scales

    /// - Parameter x: `[…, channels]`
    func groupNorm(_ x: LaidOut, groups: Int, gain: [Float], bias: [Float]) -> LaidOut {
        let norm = GroupNorm(groups: groups, gain: gain, bias: bias, on: backend)
        let x = tensor(x)
        norm.affine(normalizing: x, on: backend).apply(
            rows: x.count / gain.count, x.pointer, ld: gain.count, on: backend)
        return array(x)
    }

    /// - Parameter x: `[…, channels]`
    func layerNorm(_ x: LaidOut, gain: [Float], bias: [Float]) -> LaidOut {
        let x = tensor(x)
        LayerNorm(gain: gain, bias: bias, on: backend).normalise(
            rows: x.count / gain.count, x.pointer, into: .floats(x.pointer, ld: gain.count),
            on: backend)
        return array(x)
    }

    /// - Parameter x: `[…, channels]`
    func scaled(_ x: LaidOut, by scale: [Float]) -> LaidOut {
        let x = tensor(x)
        let zeros = [Float](repeating: 0, count: scale.count)
        ChannelAffine(scale: scale, shift: zeros, on: backend).apply(
            rows: x.count / scale.count, x.pointer, ld: scale.count, on: backend)
        return array(x)
    }

    // MARK: - Activations

    func gelu(_ x: LaidOut) -> LaidOut {
        let ones = [Float](repeating: 1, count: x.values.count)
        let zeros = [Float](repeating: 0, count: x.values.count)
        let x = tensor(x)
        withExtendedLifetime(x) {
            backend.kernels.f32_affine_gelu(
                1, x.count, ones, zeros, x.pointer, x.count, x.pointer, x.count)
        }
        return array(x)
    }

    /// - Parameter x: `[…, 2 · channels]`
    /// - Returns: `[…, channels]`
    func glu(_ x: LaidOut) -> LaidOut {
        let wide = x.shape[x.shape.count - 1]
        let rows = x.values.count / wide
        let ones = [Float](repeating: 1, count: wide)
        let zeros = [Float](repeating: 0, count: wide)
        let result = backend.tensor(Shape(x.shape.dropLast() + [wide / 2]))
        withExtendedLifetime(result) {
            backend.kernels.f32_affine_glu(
                rows, wide / 2, ones, zeros, x.values, wide, result.pointer, wide / 2)
        }
        return array(result)
    }

    /// Softmax of each row, in tiles of `tileColumns` as in attention.
    func softmax(_ x: LaidOut, tileColumns: Int) -> LaidOut {
        let (rows, columns) = (x.shape[0], x.shape[1])
        var maxima = [Float](repeating: -.infinity, count: rows)
        var sums = [Float](repeating: 0, count: rows)
        var correction = sums
        let x = tensor(x)
        withExtendedLifetime(x) {
            for start in stride(from: 0, to: columns, by: tileColumns) {
                let count = min(tileColumns, columns - start)
                // The kernel computes powers of two; the factor log2 e makes them exponentials.
                backend.kernels.f32_softmax_step(
                    rows, count, 1.4426950408889634, x.pointer + start, columns, &maxima, &sums,
                    &correction)
                // Corrects the exponentials that are relative to an earlier maximum.
                backend.kernels.f32_scale_rows(
                    rows, start, correction, x.pointer, columns, x.pointer, columns)
            }
            backend.kernels.f32_scale_rows(
                rows, columns, sums.map { 1 / $0 }, x.pointer, columns, x.pointer, columns)
        }
        return array(x)
    }
}
