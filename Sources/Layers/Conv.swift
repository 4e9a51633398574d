// Also Embedded Swift: typed throws, no key paths, no casts.
// Convolutions over channels-last activations as GEMMs without unfolding (im2col): taps next to
// each other in time are next to each other in memory, so a window is one contiguous row of A, and
// the windows of successive outputs are rows `stride` positions apart. The frequency rows of a
// kernel are segments of one product.

import Tensor

/// A convolution over frequency and time, without its bias: `[freq, time, inputs]` →
/// `[freq, time, outputs]`. A waveform is one frequency row.
///
/// PyTorch: `nn.Conv2d(inputs, outputs, kernel, stride, padding)` with pairs (frequency, time);
/// on one frequency row with a kernel of one row, `nn.Conv1d`.
package struct Conv2d: Sendable {
    /// A number for frequency and one for time.
    package struct Pair: Sendable {
        package let freq: Int
        package let time: Int

        package init(freq: Int, time: Int) {
            self.freq = freq
            self.time = time
        }
    }

    package let inputs: Int
    package let outputs: Int
    private let kernel: Pair
    private let stride: Pair
    private let padding: Pair

    /// The taps in blocks of one stride in time, so that the windows of successive outputs within a
    /// block do not overlap: `[kernel.freq · taps · inputs, outputs]` each.
    private let blocks: [Block]

    /// Replaces the blocks where the kernel has three taps in time; nil elsewhere.
    private let winograd: WinogradConv?

    private struct Block {
        /// Taps in time.
        let taps: Range<Int>
        let weight: WeightMatrix
    }

    /// - Parameter weight: `[outputs, inputs, kernel.freq, kernel.time]`
    package init(
        weight: LayerWeights, inputs: Int, outputs: Int, kernel: Pair, stride: Pair, padding: Pair,
        on backend: Backend
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        let isSquare = kernel.freq == 3 && stride.freq == 1 && padding.freq == 1
        if kernel.time == 3, stride.time == 1, padding.time == 1,
            let floats = weight.floatsForWinograd(widening: isSquare && backend.widensSquareKernels)
        {
            winograd = WinogradConv(
                weight: floats, inputs: inputs, outputs: outputs, kernelFreqs: kernel.freq,
                isSquare: isSquare, on: backend)
            blocks = []
            return
        }
        winograd = nil
        let area = kernel.freq * kernel.time
        let columns: [Int?] = (0..<outputs).map { $0 * inputs * area }
        blocks = Swift.stride(from: 0, to: kernel.time, by: stride.time).map { first in
            let taps = first..<min(first + stride.time, kernel.time)
            let rows = (0..<kernel.freq).flatMap { row in
                taps.flatMap { tap in
                    (0..<inputs).map { $0 * area + row * kernel.time + tap }
                }
            }
            return Block(
                taps: taps,
                weight: WeightMatrix(
                    weight, rowOffsets: rows, columnOffsets: columns, on: backend))
        }
    }

    /// Whether an output depends on a single position of the input.
    package var isPointwise: Bool { kernel.freq == 1 && kernel.time == 1 }

    /// Number of output rows for `freqs` input rows.
    package func outputFreqs(_ freqs: Int) -> Int {
        (freqs + 2 * padding.freq - kernel.freq) / stride.freq + 1
    }

    /// Number of output times for `times` input times, including zeros that the caller appends.
    package func outputTimes(_ times: Int) -> Int {
        (times + 2 * padding.time - kernel.time) / stride.time + 1
    }

    /// Unit of output times: ranges must start at a multiple of it.
    package static let timeUnit = WinogradConv.tileTimes

    /// The most output rows that are computed at once.
    package var longestGroup: Int { winograd?.rowUnit ?? 1 }

    /// Groups of output rows that are computed at once.
    package func rowGroups(_ freqs: Int) -> Tiling {
        Tiling(outputFreqs(freqs), longest: longestGroup)
    }

    /// Scratch that `multiply` needs for `times` outputs, in floats.
    package func scratchFloats(times: Int) -> Int {
        winograd?.scratchFloats(times: times)
            ?? kernel.freq * min(stride.time, kernel.time) * inputs
    }

    /// The outputs of some frequency rows at the times `range`, on the calling thread.
    ///
    /// - Parameters:
    ///   - rows: one of `rowGroups`.
    ///   - x: `[freqs, times, inputs]`; positions outside are zero.
    ///   - range: begins at a multiple of `timeUnit`.
    ///   - out: output time `range.lowerBound` of the first row; times are `ldo` floats apart, rows
    ///     `rowStride`.
    ///   - scratch: `scratchFloats(times: range.count)` floats.
    package func multiply(
        rows: Range<Int>, _ range: Range<Int>, x: UnsafePointer<Float>, freqs: Int, times: Int,
        into out: UnsafeMutablePointer<Float>, rowStride: Int, ldo: Int,
        scratch: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        let firstRow = rows.lowerBound * stride.freq - padding.freq
        if let winograd, firstRow + kernel.freq > 0, firstRow < freqs {
            winograd.multiply(
                rows: rows.count, range, firstRow: firstRow, x: x, freqs: freqs, times: times,
                into: out, rowStride: rowStride, ldo: ldo, scratch: scratch, on: backend)
            return
        }
        for row in rows {
            multiply(
                row: row, range, x: x, freqs: freqs, times: times,
                into: out + (row - rows.lowerBound) * rowStride, ldo: ldo, scratch: scratch,
                on: backend)
        }
    }

    private func multiply(
        row: Int, _ range: Range<Int>, x: UnsafePointer<Float>, freqs: Int, times: Int,
        into out: UnsafeMutablePointer<Float>, ldo: Int,
        scratch: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        let firstRow = row * stride.freq - padding.freq
        let kernelRows =
            max(0, -firstRow)..<max(max(0, -firstRow), min(kernel.freq, freqs - firstRow))
        if kernelRows.isEmpty {
            for time in 0..<range.count {
                (out + time * ldo).update(repeating: 0, count: outputs)
            }
            return
        }
        for (index, block) in blocks.enumerated() {
            let whole = wholeWindows(block.taps, times: times).clamped(to: range)
            if index == 0 {
                for time in range where !whole.contains(time) {
                    (out + (time - range.lowerBound) * ldo).update(repeating: 0, count: outputs)
                }
            }
            let width = block.taps.count * inputs
            if !whole.isEmpty {
                let start = whole.lowerBound * stride.time - padding.time + block.taps.lowerBound
                block.weight.multiply(
                    rows: whole.count, kernelRows, width: width, lda: stride.time * inputs,
                    into: out + (whole.lowerBound - range.lowerBound) * ldo, ldc: ldo,
                    accumulate: index > 0, on: backend
                ) { x + ((firstRow + $0) * times + start) * inputs }
            }
            for time in range where !whole.contains(time) {
                let start = time * stride.time - padding.time + block.taps.lowerBound
                let inside = (start..<start + block.taps.count).clamped(to: 0..<times)
                guard !inside.isEmpty else { continue }
                for kernelRow in kernelRows {
                    let target = scratch + kernelRow * width
                    target.update(repeating: 0, count: width)
                    (target + (inside.lowerBound - start) * inputs).update(
                        from: x + ((firstRow + kernelRow) * times + inside.lowerBound) * inputs,
                        count: inside.count * inputs)
                }
                block.weight.multiply(
                    rows: 1, kernelRows, width: width, lda: width,
                    into: out + (time - range.lowerBound) * ldo, ldc: ldo, accumulate: true,
                    on: backend
                ) { UnsafePointer(scratch) + $0 * width }
            }
        }
    }

    /// The outputs for which all of `taps` lie within the input.
    private func wholeWindows(_ taps: Range<Int>, times: Int) -> Range<Int> {
        let before = padding.time - taps.lowerBound
        let first = before <= 0 ? 0 : (before + stride.time - 1) / stride.time
        let room = times + padding.time - taps.upperBound
        let end = room < 0 ? 0 : room / stride.time + 1
        return first..<max(first, end)
    }
}
