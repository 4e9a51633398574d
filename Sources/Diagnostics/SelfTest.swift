// Does this machine compute what PyTorch computes? Golden vectors of operators, blocks and the demo
// model, run in every precision with every set of kernels that the CPU has.

import Foundation
import Tensor
import WeightsLoader

/// The vectors and the model that they are for, opened.
package struct SelfTest {
    /// What the vectors are run with.
    package struct Engine: Sendable, Equatable {
        package let precision: Precision
        package let instructionSet: InstructionSet
        package let products: GEMMBackend.Kind

        /// Everything that this CPU can run, the best kernels first: OpenBLAS takes the core of the
        /// first one that opens it.
        package static var available: [Engine] {
            Precision.allCases.flatMap { precision in
                InstructionSet.allCases.reversed().filter(\.isAvailable).flatMap { instructions in
                    // BLAS multiplies float32 alone.
                    let kinds = precision == .float32 ? GEMMBackend.Kind.allCases : [.packed]
                    return kinds.map { products in
                        Engine(
                            precision: precision, instructionSet: instructions, products: products)
                    }
                }
            }
        }
    }

    /// One comparison.
    package struct Comparison: Sendable, Equatable {
        /// What was run, `conv2d_3x3`.
        package let name: String
        /// 10·log10(Σ golden² / Σ (golden − result)²); −∞ if the result is not finite.
        package let decibels: Double
        package let leastDecibels: Double

        package var passed: Bool { decibels >= leastDecibels }
    }

    /// What became of one engine.
    package struct Run: Sendable, Equatable {
        package let engine: Engine
        /// What multiplies, `packed` or BLAS with its core; why the engine was left out, if it was.
        package let productsDescription: String
        package let isSkipped: Bool
        /// In the order of ``caseNames``; none if the engine was left out.
        package let comparisons: [Comparison]

        package var passed: Bool { comparisons.allSatisfy(\.passed) }
    }

    let vectors: Checkpoint
    let demoPath: String

    /// Opens the vectors and the demo model.
    ///
    /// - Throws: `WeightsError` for files that can't be read, ``SelfTestError`` if the vectors were
    ///   made with another model.
    package init(vectorsAt vectorsPath: String, demoAt demoPath: String) throws {
        vectors = try Checkpoint.open(vectorsPath)
        self.demoPath = demoPath
        let found = try SelfTest.fingerprint(of: demoPath)
        let expected = vectors.metadata["demo_fingerprint"]
        guard found == expected else {
            throw SelfTestError.otherModel(
                vectors: vectorsPath, model: demoPath, found: found, expected: expected)
        }
    }

    /// Names of all that is compared, in order.
    package static var caseNames: [String] { cases.map(\.name) + ["demo"] }

    /// Runs all vectors with one engine.
    ///
    /// - Throws: `WeightsError` if the vectors are not those that this program expects, and what
    ///   separating with the demo model throws.
    package func run(_ engine: Engine, threads: Int) throws -> Run {
        let backend: Backend
        do {
            backend = try Backend(
                threads: threads, precision: engine.precision,
                instructions: engine.instructionSet, products: engine.products)
        } catch let error as BLASError {
            // Our own kernels don't need BLAS, so its absence is no failure.
            return Run(
                engine: engine, productsDescription: "\(error)", isSkipped: true, comparisons: [])
        }
        var comparisons = try SelfTest.cases.map { test in
            let reader = vectors.parameters().scope(test.name)
            return compare(test.name, try test.run(SelfTestVector(reader, on: backend)), engine)
        }
        comparisons.append(compare("demo", try separateDemo(on: backend), engine))
        return Run(
            engine: engine, productsDescription: backend.productsDescription, isSkipped: false,
            comparisons: comparisons)
    }

    private func compare(
        _ name: String, _ values: (result: [Float], golden: [Float]), _ engine: Engine
    ) -> Comparison {
        var (signal, noise) = (0.0, 0.0)
        for (result, golden) in zip(values.result, values.golden) {
            let error = Double(golden) - Double(result)
            signal += Double(golden) * Double(golden)
            noise += error * error
        }
        let isComparable = values.result.count == values.golden.count && noise.isFinite
        let decibels =
            isComparable ? (noise == 0 ? .infinity : 10 * log10(signal / noise)) : -.infinity
        return Comparison(
            name: name, decibels: decibels, leastDecibels: engine.precision.leastDecibels)
    }

    /// FNV-1a with 64 bits (Fowler, Noll, Vo 1991): tells files apart, no more.
    private static func fingerprint(of path: String) throws -> String {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw SelfTestError.unreadable(path: path, reason: error.localizedDescription)
        }
        let value = data.withUnsafeBytes { bytes in
            bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Precision {
    /// The least signal-to-noise ratio of a result against PyTorch's float32.
    ///
    /// Float32 rounded in another order is at 110 dB or more in all of these vectors; a kernel
    /// that gets an element wrong is below 60. With products of bfloat16, which has eight bits of
    /// mantissa, they are at 47 dB or more.
    fileprivate var leastDecibels: Double {
        switch self {
        case .float32: 100
        case .bfloat16: 40
        case .int8: 30
        }
    }
}

/// The self-test can't be run.
package enum SelfTestError: Error, Equatable, CustomStringConvertible, LocalizedError {
    case unreadable(path: String, reason: String)
    /// The demo model is not the one that the vectors were made with.
    case otherModel(vectors: String, model: String, found: String, expected: String?)
    /// The piece of music for the demo model is none.
    case unusableMix(path: String, shape: [Int]?, channels: Int)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path): can't be read (\(reason))"
        case .otherModel(let vectors, let model, let found, let expected):
            "\(vectors) was made for a demo model with the fingerprint \(expected ?? "none"), but "
                + "\(model) has \(found); install both from one release, or make the vectors again "
                + "with tools/reference/make_selftest.py"
        case .unusableMix(let path, let shape, let channels):
            "\(path): 'demo.mix' "
                + (shape.map { "has the shape \($0)" } ?? "is missing")
                + ", expected [\(channels), samples] of a second or so; install the file again"
        }
    }

    package var errorDescription: String? { description }
}
