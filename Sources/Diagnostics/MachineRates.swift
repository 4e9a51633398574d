import Layers
import Quantization
import Signal
import System
import Tensor

/// Rates of a machine with all threads of a backend: the best of several passes.
struct MachineRates {
    /// Operations a second of the engine's own GEMM, on operands that stay in a core's level-1 and
    /// level-2 caches; in INT8 of the product INT8 × INT8.
    let operationsPerSecond: Double
    /// Bytes a second of vector sums larger than any cache: two streams are read, one is written.
    let memoryBytesPerSecond: Double
    /// Median seconds of a parallel loop that does nothing, with an index for each thread.
    let loopSeconds: Double

    /// Seconds that each measurement takes.
    private static let measuredSeconds = 0.2

    init(_ backend: Backend) {
        operationsPerSecond = Self.operationsPerSecond(backend)
        memoryBytesPerSecond = Self.memoryBytesPerSecond(backend)
        loopSeconds = median(
            Self.passSeconds { backend.parallelFor(backend.threads) { _ in } })
    }

    private static func memoryBytesPerSecond(_ backend: Backend) -> Double {
        let (count, pieces) = (1 << 24, 64)
        let x = backend.zeros(Shape(2 * count))
        let piece = count / pieces
        return best(of: 12 * Double(count)) {
            backend.parallelFor(pieces) { index in
                let first = x.pointer + index * piece
                backend.kernels.f32_add(
                    1, piece, first, piece, first + count, piece, first, piece)
            }
        }
    }

    private static func operationsPerSecond(_ backend: Backend) -> Double {
        // 128 columns are four float32 panels with AVX-512; B takes 64 KiB in bfloat16.
        let (rows, inner, columns) = (96, 256, 128)
        var draws = SeededDraws("peak")
        let values = draws.next(inner * columns, in: -1...1)
        let weights =
            backend.precision == .int8
            ? LayerWeights(
                .quantized(
                    values.map { Int8($0 * 127) },
                    scales: [Float](repeating: 1 / 127, count: columns)), activations: .int8)
            : .floats(values, on: backend)
        let b = WeightMatrix(linear: weights, inputs: inner, outputs: 0..<columns, on: backend)
        let a = backend.tensor([rows, inner], draws.next(rows * inner, in: -1...1))
        let products = 16 * backend.threads
        return best(of: Double(products) * 2 * Double(rows * inner * columns)) {
            backend.parallelFor(products, scratch: rows * columns) { _, c in
                b.multiply(
                    rows: rows, a.pointer, lda: inner, into: c, ldc: columns, on: backend)
            }
        }
    }

    /// The highest rate of a repeated pass: `work` divided by the pass's time.
    private static func best(of work: Double, _ pass: () -> Void) -> Double {
        work / (passSeconds(pass).min() ?? .infinity)
    }

    /// The time of each of at least one pass.
    private static func passSeconds(_ pass: () -> Void) -> [Double] {
        let start = ContinuousClock.now
        var seconds: [Double] = []
        repeat {
            let begun = ContinuousClock.now
            pass()
            seconds.append(begun.secondsSince)
        } while start.secondsSince < measuredSeconds
        return seconds
    }
}

extension ContinuousClock.Instant {
    /// Seconds from this instant to now.
    var secondsSince: Double { (ContinuousClock.now - self) / .seconds(1) }
}
