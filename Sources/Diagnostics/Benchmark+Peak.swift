// The rates that this machine can multiply and move memory at, which a model's are compared with.

import Layers
import Tensor

extension Benchmark {
    /// Seconds that a measurement takes.
    private static let peakSeconds = 0.2

    /// Bytes a second of sums of vectors that no cache holds, all threads at it, three streams; the
    /// best of several passes.
    static func memoryBytesPerSecond(_ backend: Backend) -> Double {
        let (count, pieces) = (1 << 24, 64)
        let x = backend.zeros(Shape(2 * count))
        let piece = count / pieces
        let start = ContinuousClock.now
        var best = 0.0
        repeat {
            let begun = ContinuousClock.now
            backend.parallelFor(pieces) { index in
                let first = x.pointer + index * piece
                backend.kernels.f32_add(
                    1, piece, first, piece, first + count, piece, first, piece)
            }
            best = max(best, 12 * Double(count) / begun.secondsSince)
        } while start.secondsSince < peakSeconds
        return best
    }

    /// Floating-point operations a second of the engine's own product on operands that stay in a
    /// core's L1 and L2 caches, all threads at it; the best of many short stretches.
    static func peakOperationsPerSecond(_ backend: Backend) -> Double {
        // Four times the columns of a float32 panel with AVX-512; 64 KiB of B in bfloat16.
        let (rows, inner, columns) = (96, 256, 128)
        var draws = SeededDraws("peak")
        let weight = WeightMatrix(
            linear: weights(
                (0..<inner * columns).map { _ in draws.next(in: -1...1) }, columns, on: backend),
            inputs: inner,
            outputs: 0..<columns, on: backend)
        let a = backend.tensor(
            [rows, inner], (0..<rows * inner).map { _ in draws.next(in: -1...1) })

        let products = 16 * backend.threads
        let operations = Double(products) * 2 * Double(rows * inner * columns)
        let start = ContinuousClock.now
        var best = 0.0
        repeat {
            let begun = ContinuousClock.now
            backend.parallelFor(products, scratch: rows * columns) { _, c in
                weight.multiply(
                    rows: rows, a.pointer, lda: inner, into: c, ldc: columns, on: backend)
            }
            best = max(best, operations / begun.secondsSince)
        } while start.secondsSince < peakSeconds
        return best
    }

    /// In INT8 the rate is that of INT8 × INT8.
    private static func weights(
        _ values: [Float], _ columns: Int, on backend: Backend
    ) -> LayerWeights {
        guard backend.precision == .int8 else { return .floats(values, on: backend) }
        return LayerWeights(
            .quantized(
                values.map { Int8($0 * 127) },
                scales: [Float](repeating: 1 / 127, count: columns)), activations: .int8)
    }
}

extension ContinuousClock.Instant {
    /// Seconds that have passed since.
    var secondsSince: Double { (ContinuousClock.now - self) / .seconds(1) }
}
