// Properties of all models and inputs: the same result for every run, cancellation, silence for
// silence, and no trap at any length.

import Dispatch
import Foundation
import HTDemucs
import Networks
import System
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct ModelPropertyTests {
    /// A tone in noise, always the same, `[channels, samples]`.
    private static func mix(channels: Int, samples: Int) -> [Float] {
        var random = SplitMix64(seed: 7)
        return (0..<channels * samples).map { index in
            0.3 * sin(Float(index) * 0.05) + 0.2 * random.float()
        }
    }

    private func forward(
        _ checkpoint: Checkpoint, samples: Int, threads: Int, runs: Int = 1
    ) throws -> [[Float]] {
        let backend = try Backend(threads: threads)
        let model = try checkpoint.network(backend: backend)
        let channels = model.configuration.arguments.audioChannels
        return try (0..<runs).map { _ in
            let mix = backend.tensor(
                [channels, samples], Self.mix(channels: channels, samples: samples))
            let stems = try model.forward(mix)
            #expect(
                stems.shape == [model.configuration.arguments.sources.count, channels, samples])
            return stems.floats
        }
    }

    /// Compares bits, so that even the sign of a zero must be the same.
    private func expectSame(_ actual: [Float], _ expected: [Float], _ place: Comment) {
        #expect(expected.contains { $0 != 0 } && expected.allSatisfy(\.isFinite), place)
        #expect(actual.map(\.bitPattern) == expected.map(\.bitPattern), place)
    }

    // MARK: - Memory

    /// A pass that computes nothing takes the memory of a real one.
    @Test(arguments: ["base", "any_length", "hybrid_deep", "waveform", "waveform_lstm"])
    func aDryPassFindsTheMemoryOfARealOne(_ name: String) throws {
        for samples in [5_000, 20_001] {
            let weights = try RawCheckpoint(fixture: name).open().network(
                backend: Backend(threads: 2))
            let channels = weights.configuration.arguments.audioChannels
            func peakBytes(_ backend: Backend) throws -> Int {
                let mix = backend.keptTensor(
                    [channels, samples], Self.mix(channels: channels, samples: samples))
                let stems = try weights.running(on: backend).forward(mix)
                return withExtendedLifetime((mix, stems)) { backend.peakBytes }
            }
            let real = try peakBytes(Backend(threads: 2))
            #expect(try peakBytes(Backend(threads: 2).dry()) == real, "\(samples) samples")
        }
    }

    // MARK: - Reproducibility

    /// In the second run the memory is full of values of the first run.
    @Test func runsGiveTheSameResult() throws {
        let checkpoint = try RawCheckpoint(fixture: "base").open()
        let runs = try forward(checkpoint, samples: 1950, threads: 2, runs: 3)
        expectSame(runs[1], runs[0], "second run")
        expectSame(runs[2], runs[0], "third run")
    }

    // MARK: - Cancellation

    @Test func aCancelledTokenStopsForwardBeforeItStarts() throws {
        let backend = try Backend(threads: 2)
        let model = try RawCheckpoint(fixture: "mono").open().network(backend: backend)
        let token = CancellationToken()
        token.cancel()
        #expect(throws: CancellationError.self) {
            _ = try model.forward(backend.zeros([1, 400]), observer: token)
        }
    }

    /// Cancels a pass after its third block.
    private final class Canceller: ForwardObserver {
        private let token = CancellationToken()
        private(set) var blocks = 0

        func completed(_ block: NetworkBlock) throws(CancellationError) {
            blocks += 1
            if blocks == 3 { token.cancel() }
            try token.completed(block)
        }
    }

    @Test func cancellingStopsARunningForwardAndLeavesTheModelUsable() throws {
        let backend = try Backend(threads: 2)
        let model = try RawCheckpoint(fixture: "any_length").open().network(backend: backend)
        let mix = backend.tensor([2, 50_000], Self.mix(channels: 2, samples: 50_000))
        let before = try model.forward(mix).floats

        let canceller = Canceller()
        #expect(throws: CancellationError.self) {
            _ = try model.forward(mix, observer: canceller)
        }
        #expect(canceller.blocks == 3)
        let after = try model.forward(mix).floats
        expectSame(after, before, "after a cancellation")
    }

    // MARK: - Inputs

    /// Exact zeros, because the network's output is multiplied by the input's deviation.
    @Test(arguments: ["base", "merge", "norm_everywhere", "no_transformer"])
    func silenceGivesSilence(_ name: String) throws {
        let backend = try Backend(threads: 2)
        let model = try RawCheckpoint(fixture: name).open().network(backend: backend)
        let silence = backend.zeros([
            model.configuration.arguments.audioChannels, model.configuration.segmentSamples,
        ])
        let stems = try model.forward(silence)
        #expect(stems.floats.allSatisfy { $0 == 0 })
    }

    /// Includes one sample, which has no deviation and is shorter than every window and padding.
    @Test(arguments: ["any_length", "merge", "kernel_4", "context_2"])
    func inputsOfAnyLengthGiveFiniteStems(_ name: String) throws {
        var crafted = try RawCheckpoint(fixture: name)
        try crafted.set("use_train_segment", to: false)
        let checkpoint = try crafted.open()
        for samples in [1, 2, 3, 5, 17, 63, 64, 65, 397, 1025] {
            let stems = try forward(checkpoint, samples: samples, threads: 2)[0]
            #expect(stems.allSatisfy { $0.isFinite }, "\(samples) samples")
        }
    }

    /// `forward` runs inputs longer than the training segment as they are; refusing them is up to
    /// the caller, as in the reference.
    @Test func anInputLongerThanTheTrainingSegmentIsNotPadded() throws {
        var crafted = try RawCheckpoint(fixture: "any_length")
        let anyLength = try crafted.open()
        try crafted.set("use_train_segment", to: true)
        let trainSegment = try crafted.open()
        expectSame(
            try forward(trainSegment, samples: 733, threads: 2)[0],
            try forward(anyLength, samples: 733, threads: 2)[0], "733 samples, 400 are a segment")
    }

    /// Shorter inputs are padded with zeros, which changes the result.
    @Test func anInputShorterThanTheTrainingSegmentIsExtendedByZeros() throws {
        let backend = try Backend(threads: 2)
        let model = try RawCheckpoint(fixture: "six_sources").open().network(backend: backend)
        let (short, whole) = (241, model.configuration.segmentSamples)
        let values = Self.mix(channels: 2, samples: short)
        let zeros = [Float](repeating: 0, count: whole - short)
        let extended = Array(values[..<short]) + zeros + Array(values[short...]) + zeros
        let stems = try model.forward(
            backend.tensor([2, short], values))
        let extendedStems = try model.forward(
            backend.tensor([2, whole], extended), observer: CancellationToken()
        ).floats
        let cut = (0..<stems.shape[0] * 2).flatMap {
            extendedStems[$0 * whole..<$0 * whole + short]
        }
        expectSame(stems.floats, cut, "241 of \(whole) samples")
    }
}
