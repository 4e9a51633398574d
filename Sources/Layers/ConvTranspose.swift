// Also Embedded Swift: typed throws, no key paths, no casts.
// The transposed convolution without inserted zeros: the outputs are computed in groups of `stride`
// neighbours. Group g is the sum over j of input g − j times the taps j·stride ..< (j+1)·stride:
// one product with a segment for each j, two segments for the usual kernel of twice the stride.

import Tensor

/// A transposed convolution along one dimension, without its bias.
///
/// PyTorch: `nn.ConvTranspose1d(inputs, outputs, kernel, stride)`, and `nn.ConvTranspose2d` with a
/// kernel of one position in the other dimension.
package struct ConvTranspose: Sendable {
    package let inputs: Int
    package let outputs: Int
    package let kernel: Int
    package let stride: Int
    /// Number of blocks of `stride` taps: the inputs that a group of outputs depends on.
    private let blocks: Int
    /// `[blocks · inputs, stride · outputs]`; columns are ordered by the position in a group, then
    /// by output. Taps beyond the kernel are zero.
    private let weight: WeightMatrix

    /// - Parameter weight: `[inputs, outputs, kernel]`
    package init(
        weight: LayerWeights, inputs: Int, outputs: Int, kernel: Int, stride: Int,
        on backend: Backend
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        let blocks = (kernel + stride - 1) / stride
        self.blocks = blocks
        let columns = stride * outputs
        self.weight = WeightMatrix(
            weight.reordered(
                floats: { Self.ordered($0, inputs, outputs, kernel, stride) },
                quantized: { Self.ordered($0, inputs, outputs, kernel, stride) },
                places: { Self.ordered($0, inputs, outputs, kernel, stride) }),
            rowOffsets: (0..<blocks * inputs).map { $0 * columns },
            columnOffsets: (0..<columns).map { $0 }, channels: { $0 % outputs }, on: backend)
    }

    /// `[inputs, outputs, kernel]` reordered as `[block, input, position in a group, output]`, with
    /// zeros beyond the kernel.
    private static func ordered<Element: Numeric>(
        _ weight: [Element], _ inputs: Int, _ outputs: Int, _ kernel: Int, _ stride: Int
    ) -> [Element] {
        let blocks = (kernel + stride - 1) / stride
        var ordered = [Element](repeating: 0, count: blocks * inputs * stride * outputs)
        for input in 0..<inputs {
            for output in 0..<outputs {
                for tap in 0..<kernel {
                    let (block, neighbour) = (tap / stride, tap % stride)
                    ordered[((block * inputs + input) * stride + neighbour) * outputs + output] =
                        weight[(input * outputs + output) * kernel + tap]
                }
            }
        }
        return ordered
    }

    /// Number of outputs for `length` inputs, without cropping.
    package func outputLength(_ length: Int) -> Int { (length - 1) * stride + kernel }

    /// Number of groups of `stride` outputs for `length` inputs.
    package func groups(_ length: Int) -> Int { length + blocks - 1 }

    /// Floats of one group at one position: `stride · outputs`.
    package var groupFloats: Int { stride * outputs }

    /// The groups `range` of a signal, on the calling thread.
    ///
    /// - Parameters:
    ///   - x: `[length, inputs]`
    ///   - out: `[range.count, stride · outputs]`, which is `[range.count · stride, outputs]`.
    package func multiply(
        groups range: Range<Int>, x: UnsafePointer<Float>, length: Int,
        into out: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        func multiply(_ part: Range<Int>, blocks reached: Range<Int>) {
            let target = out + (part.lowerBound - range.lowerBound) * groupFloats
            let first = x + part.lowerBound * inputs
            self.multiply(
                rows: part.count, blocks: reached, first, blockStride: -inputs, into: target,
                on: backend)
        }
        // All groups that depend on `blocks` inputs are one product; groups at the ends have fewer.
        let whole = range.clamped(to: blocks - 1..<max(blocks - 1, length))
        if !whole.isEmpty { multiply(whole, blocks: 0..<blocks) }
        for group in range where !whole.contains(group) {
            multiply(
                group..<group + 1,
                blocks: max(0, group - length + 1)..<min(blocks, group + 1))
        }
    }

    /// One group of frequency rows, at all times, on the calling thread.
    ///
    /// - Parameters:
    ///   - x: `[freqs, times, inputs]`
    ///   - out: `[times, stride · outputs]`
    package func multiply(
        group: Int, x: UnsafePointer<Float>, freqs: Int, times: Int,
        into out: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        multiply(
            rows: times, blocks: max(0, group - freqs + 1)..<min(blocks, group + 1),
            x + group * times * inputs, blockStride: -times * inputs, into: out, on: backend)
    }

    /// The sum over `blocks` of rows at `x + block · blockStride` times the taps of the block.
    private func multiply(
        rows: Int, blocks: Range<Int>, _ x: UnsafePointer<Float>, blockStride: Int,
        into out: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        weight.multiply(
            rows: rows, blocks, width: inputs, lda: inputs, into: out, ldc: groupFloats,
            on: backend
        ) { x + $0 * blockStride }
    }
}
