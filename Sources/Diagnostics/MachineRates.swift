import Signal
import System
import Tensor

/// Rates of a machine with all threads of a backend: the best of several passes.
struct MachineRates {
    /// Operations a second of the inner loop of the engine's products on operands in the level-1
    /// cache: the rate of the multipliers. In INT8 that of INT8 × INT8.
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
        let kind: Int32 =
            switch backend.precision {
            case .float32: 0
            case .bfloat16: 1
            case .int8: 2
            }
        // A BLAS multiplies with the best instructions of the CPU, whichever kernels are forced.
        let isBLAS = backend.productsDescription != "packed"
        let kernels = isBLAS ? InstructionSet.best.kernels : backend.kernels
        let operations = kernels.peak_pass(kind, passes) * Double(backend.threads)
        return best(of: operations) {
            backend.parallelFor(backend.threads) { _ in _ = kernels.peak_pass(kind, passes) }
        }
    }

    /// Passes of the peak's loop: about a millisecond.
    private static let passes = 1000

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
