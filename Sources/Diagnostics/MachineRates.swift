// The peak rates of this machine, which a network's are compared with.

import Files
import Layers
import LibC
import Tensor

/// The best of several passes with all threads of a backend.
struct MachineRates {
    /// Floating-point operations a second of the engine's own product, on operands that stay in a
    /// core's level-1 and level-2 caches. In INT8 that of INT8 × INT8.
    let operationsPerSecond: Double
    /// Bytes a second of sums of vectors larger than any cache: two streams read, one written.
    let memoryBytesPerSecond: Double

    /// Seconds that each measurement takes.
    private static let measuredSeconds = 0.2

    init(_ backend: Backend) {
        operationsPerSecond = Self.operationsPerSecond(backend)
        memoryBytesPerSecond = Self.memoryBytesPerSecond(backend)
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
        // Four times the columns of a float32 panel with AVX-512; 64 KiB of B in bfloat16.
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

    /// The highest rate of a repeated pass that does `work`.
    private static func best(of work: Double, _ pass: () -> Void) -> Double {
        let start = ContinuousClock.now
        var best = 0.0
        repeat {
            let begun = ContinuousClock.now
            pass()
            best = max(best, work / begun.secondsSince)
        } while start.secondsSince < measuredSeconds
        return best
    }
}

/// The most memory that this process has held at once, in bytes; 0 if the system doesn't tell.
///
/// Linux counts the peak of `getrusage` from that of the process that started this one; the peak in
/// `/proc/self/status` begins anew.
package func peakResidentBytes() -> Int {
    #if os(Linux)
        let status = (try? readFile("/proc/self/status")).map {
            String(decoding: $0, as: UTF8.self)
        }
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }
        return (kilobytes ?? 0) * 1024
    #else
        var usage = rusage()
        getrusage(RUSAGE_SELF, &usage)
        return usage.ru_maxrss
    #endif
}

/// Lets the peak of memory begin anew with what is held now, where the system can do that (Linux).
package func restartPeakResidentBytes() {
    let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    try? Array("5".utf8).withUnsafeBytes { try writeAll($0, to: descriptor) }
}

extension ContinuousClock.Instant {
    /// Seconds from this instant to now.
    var secondsSince: Double { (ContinuousClock.now - self) / .seconds(1) }
}
