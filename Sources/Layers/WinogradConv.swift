// Also Embedded Swift: typed throws, no key paths, no casts.
// Winograd convolution: three taps in time by F(4, 3) (Winograd 1980; Lavin, Gray 2016,
// arXiv:1509.09308), so that four neighbouring outputs take six products instead of twelve. A 3 × 3
// kernel with enough channels uses F(2, 3) along frequency too, for two rows of outputs at once:
// eight outputs take 24 products instead of 72. With few channels the inner dimension of these
// products would be too short; then the kernel's frequency rows are summed in the transformed
// domain instead, by six products with a long inner dimension.
//
// The points along time are 0, ±√½, ±√2 and ∞. Among all points 0, ±a, ±b and ∞ they amplify the
// rounding of the transformed operands nearly the least: half as much (3 dB less noise) as the
// customary 0, ±1, ±2 and ∞. The points along frequency are 0, ±1 and ∞.

import CKernels
import Tensor

/// A convolution over frequency and time with three taps, stride 1 and padding 1 in time, without
/// its bias: `[freq, time, inputs]` → `[freq, time, outputs]`.
struct WinogradConv: Sendable {
    /// Outputs of a tile in time.
    static let tileTimes = 4
    /// Points of a tile in time, one product each: 0, √½, −√½, √2, −√2 and ∞.
    private static let points = 6
    /// Least number of inputs for transforming both directions: with fewer, the products of a point
    /// are so short that memory traffic costs more time than they save.
    private static let leastInputs = 48

    /// Rows of outputs that are computed at once.
    let rowUnit: Int
    private let inputs: Int
    private let outputs: Int
    private let kernelFreqs: Int
    /// Transformed weights: `[kernelFreqs · inputs, outputs]` for each point of time; where both
    /// directions are transformed, `[inputs, outputs]` for each pair of a point of frequency
    /// (outer) and a point of time (inner).
    private let weights: [WeightMatrix]

    /// - Parameters:
    ///   - weight: `[outputs, inputs, kernelFreqs, 3]`
    ///   - isSquare: whether stride and padding in frequency are 1, and the kernel has three rows.
    init(
        weight: [Float], inputs: Int, outputs: Int, kernelFreqs: Int, isSquare: Bool,
        on backend: Backend
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernelFreqs = kernelFreqs
        let transformsFreqs = isSquare && inputs >= Self.leastInputs
        rowUnit = transformsFreqs ? 2 : 1
        let perOutput = inputs * (transformsFreqs ? 1 : kernelFreqs)
        let transformed = Self.transformed(
            weight, inputs: inputs, outputs: outputs, kernelFreqs: kernelFreqs,
            freqPoints: transformsFreqs ? Self.freqTransform : nil, on: backend)
        let perPoint = outputs * perOutput
        weights = (0..<transformed.count / perPoint).map { point in
            WeightMatrix(
                linear: .floats(
                    Array(transformed[point * perPoint..<(point + 1) * perPoint]), on: backend),
                inputs: perOutput, outputs: 0..<outputs, on: backend)
        }
    }

    /// Rows of the weight transform, one for each point p in order: (1, p, p²) divided by the
    /// product of p's distances from the other points.
    private static let timeTransform: [SIMD3<Double>] = {
        let (near, far) = (0.5.squareRoot(), 2.0.squareRoot())
        return [
            [1, 0, 0],
            [1, near, 0.5] * (-2 / 3), [1, -near, 0.5] * (-2 / 3),
            [1, far, 2] * (1 / 6), [1, -far, 2] * (1 / 6),
            [0, 0, 1],
        ]
    }()
    private static let freqTransform: [SIMD3<Double>] = [
        [1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1],
    ]

    /// The weights at each point, in double: `[point of time, outputs, kernelFreqs, inputs]`, or
    /// `[point of frequency, point of time, outputs, inputs]` where there are points of frequency.
    private static func transformed(
        _ weight: [Float], inputs: Int, outputs: Int, kernelFreqs: Int,
        freqPoints: [SIMD3<Double>]?, on backend: Backend
    ) -> [Float] {
        let rows = freqPoints?.count ?? kernelFreqs
        let plane = outputs * inputs
        // Strides from a row, or a point of frequency, to the next, and from an output to the next.
        let rowStride = freqPoints == nil ? inputs : points * plane
        let outputStride = freqPoints == nil ? kernelFreqs * inputs : inputs
        let pointStride = outputs * outputStride
        let count = points * rows * plane
        return [Float](unsafeUninitializedCapacity: count) { result, initialized in
            let target = result.baseAddress!
            weight.withUnsafeBufferPointer { weight in
                backend.parallelFor(outputs) { output in
                    for input in 0..<inputs {
                        let kernel =
                            weight.baseAddress! + (output * inputs + input) * kernelFreqs * 3
                        func taps(_ row: Int) -> SIMD3<Double> {
                            SIMD3(
                                Double(kernel[3 * row]), Double(kernel[3 * row + 1]),
                                Double(kernel[3 * row + 2]))
                        }
                        for row in 0..<rows {
                            let along =
                                freqPoints.map { points in
                                    points[row].x * taps(0) + points[row].y * taps(1)
                                        + points[row].z * taps(2)
                                } ?? taps(row)
                            let place = target + output * outputStride + row * rowStride + input
                            for (point, transform) in timeTransform.enumerated() {
                                place[point * pointStride] = Float((transform * along).sum())
                            }
                        }
                    }
                }
            }
            initialized = count
        }
    }

    /// Number of products: points in time times points in frequency.
    private var planes: Int { Self.points * (rowUnit == 2 ? Self.freqTransform.count : 1) }

    /// Inner dimension of a product.
    private var rowLength: Int { inputs * (rowUnit == 2 ? 1 : kernelFreqs) }

    /// Scratch for `times` outputs of `rowUnit` rows, in floats.
    func scratchFloats(times: Int) -> Int {
        let tiles = (times + Self.tileTimes - 1) / Self.tileTimes
        return planes * tiles * (rowLength + outputs)
    }

    /// The outputs of up to `rowUnit` frequency rows, on the calling thread.
    ///
    /// - Parameters:
    ///   - rows: 1 or 2, at most `rowUnit`.
    ///   - range: output times, from a multiple of `tileTimes` on.
    ///   - firstRow: input row of the kernel's first row, which may lie outside.
    ///   - x: `[freqs, times, inputs]`; the kernel covers at least one of its rows.
    ///   - out: output time `range.lowerBound`; times are `ldo` floats apart, rows `rowStride`.
    func multiply(
        rows: Int, _ range: Range<Int>, firstRow: Int, x: UnsafePointer<Float>, freqs: Int,
        times: Int, into out: UnsafeMutablePointer<Float>, rowStride: Int, ldo: Int,
        scratch: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        precondition(range.lowerBound % Self.tileTimes == 0)
        let tiles = (range.count + Self.tileTimes - 1) / Self.tileTimes
        // Rows of the kernel that lie inside the input; only F(4, 3) in time sums them in the
        // products.
        let kernelRows =
            rowUnit == 2 ? 0..<1 : max(0, -firstRow)..<min(kernelFreqs, freqs - firstRow)
        let part = kernelRows.lowerBound * inputs..<kernelRows.upperBound * inputs
        let inputPlane = tiles * rowLength
        let productPlane = tiles * outputs
        let products = scratch + planes * inputPlane
        let rounded = UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: UInt16.self)
        let isRounded = weights[0].takesBFloat16 && inputs % 2 == 0

        let firstTile = range.lowerBound / Self.tileTimes
        let kernels = backend.kernels
        if rowUnit == 2 {
            if isRounded {
                kernels.bf16_winograd_input_2d(
                    firstRow, freqs, firstTile, tiles, inputs, x, times, rounded, inputPlane,
                    rowLength)
            } else {
                kernels.f32_winograd_input_2d(
                    firstRow, freqs, firstTile, tiles, inputs, x, times, scratch, inputPlane,
                    rowLength)
            }
        } else {
            for row in kernelRows {
                let source = x + (firstRow + row) * times * inputs
                if isRounded {
                    kernels.bf16_winograd_input(
                        firstTile, tiles, inputs, source, times, rounded + row * inputs,
                        inputPlane, rowLength)
                } else {
                    kernels.f32_winograd_input(
                        firstTile, tiles, inputs, source, times, scratch + row * inputs,
                        inputPlane, rowLength)
                }
            }
        }

        for (plane, weight) in weights.enumerated() {
            let place = plane * inputPlane + part.lowerBound
            weight.multiply(
                rows: tiles,
                isRounded
                    ? .bfloat16(rounded + place, ld: rowLength)
                    : .floats(scratch + place, ld: rowLength),
                part: part, into: products + plane * productPlane, ldc: outputs, on: backend)
        }

        if rowUnit == 2 {
            kernels.f32_winograd_output_2d(
                tiles, outputs, products, productPlane, range.count, out,
                rows == 2 ? out + rowStride : nil, ldo)
        } else {
            kernels.f32_winograd_output(
                tiles, outputs, products, productPlane, range.count, out, ldo)
        }
    }
}
