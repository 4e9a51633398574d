// Self-test: compares this machine's results with PyTorch's, by golden vectors of operators, blocks
// and the demo model, in every precision and with every set of kernels that the CPU can run.

import Audio
import Demucs
import ModelZoo
import Quantization
import Signal
import System
import Tensor
import WeightsLoader

/// The golden vectors and the demo model that they were made with.
package struct SelfTest {
    /// A precision with a set of kernels.
    package struct Engine: Sendable, Equatable {
        package let precision: Precision
        package let instructionSet: InstructionSet
        package let products: GEMMBackend.Kind

        /// All engines of this CPU, with the fastest kernels first: the first engine that opens
        /// OpenBLAS determines its core.
        package static var available: [Engine] {
            Precision.allCases.flatMap { precision in
                InstructionSet.available.reversed().flatMap { instructions in
                    // BLAS multiplies only float32.
                    let kinds = precision == .float32 ? GEMMBackend.Kind.allCases : [.packed]
                    return kinds.map { products in
                        Engine(
                            precision: precision, instructionSet: instructions, products: products)
                    }
                }
            }
        }
    }

    /// Comparison of a result with its golden vector.
    package struct Comparison: Sendable, Equatable {
        /// Name of the case, `conv2d_3x3`.
        package let name: String
        /// SNR against PyTorch; −∞ if the result is not finite.
        package let snrDecibels: Double
        package let minimumSNRDecibels: Double

        package var passed: Bool { snrDecibels >= minimumSNRDecibels }
    }

    /// The results of one engine.
    package struct Run: Sendable, Equatable {
        package let engine: Engine
        /// `packed`, or BLAS with its core; for a skipped engine the reason.
        package let productsDescription: String
        package let isSkipped: Bool
        /// Comparisons in the order of ``caseNames``; empty if the engine was skipped.
        package let comparisons: [Comparison]

        package var passed: Bool { comparisons.allSatisfy(\.passed) }
    }

    private let vectors: Checkpoint
    private let demoPath: String

    /// Opens the vectors and the demo model.
    ///
    /// - Throws: `WeightsError` for unreadable files, ``SelfTestError`` if the vectors were made with
    ///   another model.
    package init(vectorsAt vectorsPath: String, demoAt demoPath: String) throws {
        vectors = try Checkpoint.open(vectorsPath)
        self.demoPath = demoPath
        let found = try Self.fingerprint(of: demoPath)
        let expected = vectors.metadata["demo_fingerprint"]
        guard found == expected else {
            throw SelfTestError(
                description: "\(vectorsPath) was made for a demo model with the fingerprint "
                    + "\(expected ?? "none"), but \(demoPath) has \(found); install both from one "
                    + "release, or make the vectors again with reference/make_selftest.py")
        }
    }

    private static func fingerprint(of path: String) throws -> String {
        do {
            let file = try ReadFile(path)
            return try file.read(0..<file.countBytes) { fnv1a($0) }.zeroPadded(16, radix: 16)
        } catch {
            throw SelfTestError(description: "\(error)")
        }
    }

    /// Names of all cases, in order.
    package static var caseNames: [String] { cases.map(\.name) + ["demo"] }

    private static let cases = operators + unetBlocks + transformerBlocks + roformers

    /// Runs all cases with one engine.
    ///
    /// - Throws: `WeightsError` if a vector is missing or has another shape; errors of the separation
    ///   with the demo model.
    package func run(_ engine: Engine, threads: Int) throws -> Run {
        let backend: Backend
        do {
            backend = try Backend(
                threads: threads, precision: engine.precision,
                instructions: engine.instructionSet, products: engine.products)
        } catch {
            // Without BLAS the engine still has its own kernels, so this is not a failure.
            return Run(
                engine: engine, productsDescription: "\(error)", isSkipped: true, comparisons: [])
        }
        var comparisons = try Self.cases.map { test in
            let vector = Vector(
                reader: vectors.parameters().scope(test.name), backend: backend)
            let result = try test.compute(vector).floats
            return compare(
                test.name, (result, try vector.reader.floats("output", test.output)), engine)
        }
        comparisons.append(compare("demo", try separateDemo(on: backend), engine))
        return Run(
            engine: engine, productsDescription: backend.productsDescription, isSkipped: false,
            comparisons: comparisons)
    }

    private func compare(
        _ name: String, _ values: (result: [Float], golden: [Float]), _ engine: Engine
    ) -> Comparison {
        let ratio = SignalToNoise(of: values.result, against: values.golden)
        let isComparable =
            values.result.count == values.golden.count && ratio.noise.isFinite
        return Comparison(
            name: name, snrDecibels: isComparable ? ratio.decibels : -.infinity,
            minimumSNRDecibels: engine.precision.minimumSNRDecibels)
    }

    // MARK: - The demo model

    /// Interval of the stored samples of the golden stems; every sample depends on all weights.
    private static let storedInterval = 11
    /// Longest piece of music that the script makes.
    private static let maximumSamples = 1 << 20

    /// Separates the vectors' piece of music without shifts.
    ///
    /// - Returns: the samples of all stems at the stored intervals.
    private func separateDemo(
        on backend: Backend
    ) throws -> (result: [Float], golden: [Float]) {
        let separator = try Separator(
            OpenedModel(ModelFiles(checkpoint: demoPath)), backends: [backend])
        let channels = separator.model.audioChannels
        let stored = vectors.tensor(named: "demo.mix")
        guard let stored, stored.shape.count == 2, stored.shape[0] == channels,
            (1...Self.maximumSamples).contains(stored.shape[1])
        else {
            let found = stored.map { "has the shape \($0.shape)" } ?? "is missing"
            throw SelfTestError(
                description:
                    "\(vectors.path): 'demo.mix' \(found), expected [\(channels), samples] "
                    + "of a second or so; install the file again")
        }
        let samples = stored.shape[1]
        let values = try vectors.floats(stored)
        let mix = PlanarAudio(
            values, channelCount: channels, sampleRateHz: separator.model.sampleRateHz)
        let separation = try separator.separate(
            AudioInput(mix), options: SeparationOptions(shifts: 0))

        let reader = vectors.parameters().scope("demo")
        let storedSamples = (samples + Self.storedInterval - 1) / Self.storedInterval
        let golden = try separation.stems.flatMap {
            try reader.floats($0.name, [channels, storedSamples])
        }
        let result = separation.stems.flatMap(\.audio.channels).flatMap { channel in
            stride(from: 0, to: channel.count, by: Self.storedInterval).map { channel[$0] }
        }
        return (result, golden)
    }
}

extension Precision {
    /// The lowest SNR of a correct result against PyTorch's float32.
    ///
    /// With float32 sums in another order, all of these vectors have 110 dB or more; with one wrong
    /// element in a kernel they have less than 60 dB. With products of bfloat16, whose mantissa has
    /// eight bits, they have 42 dB or more, and with INT8 activations 30 dB or more.
    fileprivate var minimumSNRDecibels: Double {
        switch self {
        case .float32: 100
        case .bfloat16: 40
        case .int8: 30
        }
    }
}

/// A self-test that can't be run.
package struct SelfTestError: CausedError, CustomStringConvertible {
    package var cause: ErrorCause { .input }
    package let description: String
}
