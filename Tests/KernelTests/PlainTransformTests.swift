// The Winograd transforms against the matrices of their contract, in double. SignalTests test the
// Fourier transforms as a whole.

import CKernels
import TestSupport
import Testing

@Suite struct PlainTransformTests {
    private static let (a, b) = (0.5.squareRoot(), 2.0.squareRoot())

    /// Input transform of six neighbours along time to the six points.
    private static let input: [[Double]] = [
        [1, 0, -2.5, 0, 1, 0], [0, -2 * a, -2, a, 1, 0], [0, 2 * a, -2, -a, 1, 0],
        [0, -b / 2, -0.5, b, 1, 0], [0, b / 2, -0.5, -b, 1, 0], [0, 1, 0, -2.5, 0, 1],
    ]
    /// Input transform of four neighbours along frequency.
    private static let inputAlongFrequency: [[Double]] = [
        [1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1],
    ]
    private static let output: [[Double]] = [
        [1, 1, 1, 1, 1, 0], [0, a, -a, b, -b, 0], [0, 0.5, 0.5, 2, 2, 0],
        [0, a / 2, -a / 2, 2 * b, -2 * b, 1],
    ]
    private static let outputAlongFrequency: [[Double]] = [[1, 1, 1, 0], [0, 1, -1, -1]]

    /// Five rounding errors of sums of at most 22 times the largest number, 3.
    private static let tolerance = 5 * 22 * 3 * epsilon / 2

    @Test(arguments: [1, 4, 7, 9])
    func winogradsInputTransforms(_ count: Int) {
        var numbers = SplitMix64(seed: UInt64(count))
        let (freqs, cols, tiles) = (3, 5, (count + 3) / 4)
        let (x, plane) = (Matrix(freqs * count, cols, gap: 0, &numbers), tiles * cols)
        func value(_ freq: Int, _ place: Int, _ col: Int) -> Double {
            let isInside = (0..<freqs).contains(freq) && (0..<count).contains(place)
            return isInside ? x[freq * count + place, col] : 0
        }
        for row in [-1, 1] {
            var out = Matrix(24 * tiles, cols, gap: 0) { _, _ in .nan }
            plain.f32_winograd_input_2d(
                row, freqs, 0, tiles, cols, x.floats, count, &out.floats, plane, cols)
            out.expect { index, col in
                let (point, tile) = (index / tiles, index % tiles)
                var exact = 0.0
                for j in 0..<4 {
                    for i in 0..<6 {
                        exact +=
                            Self.inputAlongFrequency[point / 6][j] * Self.input[point % 6][i]
                            * value(row + j, 4 * tile + i - 1, col)
                    }
                }
                return (exact, Self.tolerance)
            }
            var rounded = [UInt16](repeating: 0, count: 24 * plane)
            plain.bf16_winograd_input_2d(
                row, freqs, 0, tiles, cols, x.floats, count, &rounded, plane, cols)
            #expect(rounded == out.floats.dropLast().map(bfloat16))
        }
        // Only the last tile.
        var out = Matrix(6, cols, gap: 0) { _, _ in .nan }
        plain.f32_winograd_input(tiles - 1, 1, cols, x.floats, count, &out.floats, cols, cols)
        out.expect { point, col in
            let places = (0..<6).map { value(0, 4 * (tiles - 1) + $0 - 1, col) }
            return (zip(Self.input[point], places).reduce(0) { $0 + $1.0 * $1.1 }, Self.tolerance)
        }
        var rounded = [UInt16](repeating: 0, count: 6 * cols)
        plain.bf16_winograd_input(tiles - 1, 1, cols, x.floats, count, &rounded, cols, cols)
        #expect(rounded == out.floats.dropLast().map(bfloat16))
    }

    @Test(arguments: [1, 4, 7, 9])
    func winogradsOutputTransforms(_ count: Int) {
        var numbers = SplitMix64(seed: UInt64(count))
        let (cols, tiles) = (5, (count + 3) / 4)
        let m = Matrix(24 * tiles, cols, gap: 0, &numbers)
        func exact(_ weights: [Double], _ row: Int, _ col: Int) -> Double {
            (0..<24).reduce(0.0) { (sum: Double, point: Int) -> Double in
                let weight = weights[point / 6] * Self.output[row % 4][point % 6]
                return sum + weight * m[point * tiles + row / 4, col]
            }
        }
        var out = Matrix(2 * count, cols) { _, _ in .nan }
        let (ld, plane) = (out.ld, tiles * cols)
        out.floats.withUnsafeMutableBufferPointer {
            let first = $0.baseAddress!
            plain.f32_winograd_output_2d(
                tiles, cols, m.floats, plane, count, first, first + count * ld, ld)
        }
        out.expect { row, col in
            (exact(Self.outputAlongFrequency[row / count], row % count, col), Self.tolerance)
        }
        var one = Matrix(count, cols) { _, _ in .nan }
        plain.f32_winograd_output(tiles, cols, m.floats, plane, count, &one.floats, ld)
        one.expect { (exact([1, 0, 0, 0], $0, $1), Self.tolerance) }
    }
}
