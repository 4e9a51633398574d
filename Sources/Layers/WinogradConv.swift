// Convolutions with three taps in time by Winograd's F(4, 3) (Winograd 1980; Lavin, Gray 2016,
// arXiv:1509.09308): four neighbouring outputs take six products instead of twelve. Only along time:
// the frequency rows of a 3 × 3 kernel are summed in the transformed domain, so each of the six
// products still has a long inner dimension.
//
// The points are 0, ±√½, ±√2 and ∞: of all ±a, ±b they magnify the rounding of the transformed
// operands nearly the least, half as much (3 dB in noise) as the customary 0, ±1, ±2 and ∞.

import CKernels
import Tensor

/// A convolution over frequency and time with three taps, stride 1 and padding 1 in time, without
/// its bias: `[freq, time, inputs]` → `[freq, time, outputs]`.
struct WinogradConv: Sendable {
    /// Outputs of a tile.
    static let tileTimes = 4
    /// Products of a tile: its points, 0, √½, −√½, √2, −√2 and ∞.
    private static let points = 6

    private let inputs: Int
    private let outputs: Int
    private let kernelFreqs: Int
    /// For each point `[kernelFreqs · inputs, outputs]`.
    private let weights: [WeightMatrix]

    /// - Parameter weight: `[outputs, inputs, kernelFreqs, 3]`
    init(weight: [Float], inputs: Int, outputs: Int, kernelFreqs: Int, on backend: Backend) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernelFreqs = kernelFreqs
        // Rows of the weight transform for the points in their order, applied in double: (1, p, p²)
        // over the product of p's distances from the other points.
        let (near, far) = (0.5.squareRoot(), 2.0.squareRoot())
        let transform: [SIMD3<Double>] = [
            [1, 0, 0],
            [1, near, 0.5] * (-2 / 3), [1, -near, 0.5] * (-2 / 3),
            [1, far, 2] * (1 / 6), [1, -far, 2] * (1 / 6),
            [0, 0, 1],
        ]
        let perOutput = inputs * kernelFreqs
        let rows = (0..<kernelFreqs).flatMap { row in
            (0..<inputs).map { $0 * kernelFreqs + row }
        }
        weights = transform.map { row in
            // `[outputs, inputs, kernelFreqs]`
            let transformed = (0..<outputs * perOutput).map { index in
                let taps = SIMD3(
                    Double(weight[3 * index]), Double(weight[3 * index + 1]),
                    Double(weight[3 * index + 2]))
                return Float((row * taps).sum())
            }
            return WeightMatrix(
                .floats(transformed, on: backend), rowOffsets: rows,
                columnOffsets: (0..<outputs).map { $0 * perOutput }, on: backend)
        }
    }

    /// Floats of scratch for `times` outputs.
    func scratchFloats(times: Int) -> Int {
        let tiles = (times + Self.tileTimes - 1) / Self.tileTimes
        return Self.points * tiles * (kernelFreqs * inputs + outputs)
    }

    /// The outputs of one frequency row, on the calling thread.
    ///
    /// - Parameters:
    ///   - range: times, from a multiple of `tileTimes` on.
    ///   - firstRow: input row of the kernel's first row, which may lie outside.
    ///   - kernelRows: rows of the kernel whose input row exists, at least one.
    ///   - x: `[freqs, times, inputs]`
    ///   - out: output time `range.lowerBound`, times `ldo` floats apart.
    func multiply(
        _ range: Range<Int>, firstRow: Int, kernelRows: Range<Int>, x: UnsafePointer<Float>,
        times: Int, into out: UnsafeMutablePointer<Float>, ldo: Int,
        scratch: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        precondition(range.lowerBound % Self.tileTimes == 0)
        let tiles = (range.count + Self.tileTimes - 1) / Self.tileTimes
        // For each point `[tiles, kernelFreqs · inputs]`.
        let rowLength = kernelFreqs * inputs
        let inputPlane = tiles * rowLength
        let outputPlane = tiles * outputs
        let products = scratch + Self.points * inputPlane
        let part = kernelRows.lowerBound * inputs..<kernelRows.upperBound * inputs
        let isRounded = weights[0].takesRounded && inputs % 2 == 0
        let rounded = UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: UInt16.self)
        let firstTile = range.lowerBound / Self.tileTimes
        for row in kernelRows {
            let source = x + (firstRow + row) * times * inputs
            if isRounded {
                backend.kernels.bf16_winograd_input(
                    firstTile, tiles, inputs, source, times, rounded + row * inputs, inputPlane,
                    rowLength)
            } else {
                backend.kernels.f32_winograd_input(
                    firstTile, tiles, inputs, source, times, scratch + row * inputs, inputPlane,
                    rowLength)
            }
        }
        for (point, weight) in weights.enumerated() {
            let place = point * inputPlane + part.lowerBound
            let target = products + point * outputPlane
            if isRounded {
                weight.multiply(
                    rows: tiles, rounded: rounded + place, lda: rowLength, part, into: target,
                    ldc: outputs, on: backend)
            } else {
                weight.multiply(
                    rows: tiles, scratch + place, lda: rowLength, part, into: target,
                    ldc: outputs, on: backend)
            }
        }
        backend.kernels.f32_winograd_output(
            tiles, outputs, products, outputPlane, range.count, out, ldo)
    }
}
