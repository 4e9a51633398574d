import DemucsEngine
import Foundation
import TestSupport
import Testing

/// Separations as asynchronous sequences: of updates, and of blocks of stems.
struct SequenceTests {
    private let separator: Separator
    private let track = NoiseTrack.buffer(samples: 20_000, amplitude: 0.5)
    private let options = SeparationOptions(shifts: 1, seed: 8)

    init() throws {
        separator = try NoiseTrack.model()
    }

    private func joined(_ blocks: [[Stem]]) -> [Stem] {
        separator.model.sources.enumerated().map { index, name in
            var audio = PlanarAudio(channels: [[], []], sampleRateHz: track.sampleRateHz)
            for block in blocks { audio.append(block[index].audio) }
            return Stem(name: name, audio: audio)
        }
    }

    @Test func updatesCountTheSegmentsAndEndWithTheResult() async throws {
        var steps: [SeparationProgress] = []
        var result: Separation?
        for try await update in separator.updates(of: try AudioInput(track), options: options) {
            #expect(result == nil)
            switch update {
            case .progress(let step): steps.append(step)
            case .finished(let separation): result = separation
            }
        }
        #expect(try await result == separator.separate(AudioInput(track), options: options))
        let total = try #require(steps.first?.segmentsTotal)
        #expect(total > 1)
        #expect(steps.map(\.segmentsDone) == Array(0...total))
        #expect(steps.map(\.fractionCompleted) == (0...total).map { Double($0) / Double(total) })
    }

    @Test func anErrorEndsTheUpdates() async throws {
        let tooLong = SeparationOptions(split: false)
        await #expect(throws: SeparationError.self) {
            for try await _ in separator.updates(of: try AudioInput(track), options: tooLong) {}
        }
    }

    @Test func cancellingTheTaskThrows() async throws {
        let input = try AudioInput(track)
        // Far more than can be done before the first update arrives.
        let long = SeparationOptions(shifts: 100)
        let work = Task {
            for try await _ in separator.updates(of: input, options: long) {
                withUnsafeCurrentTask { $0?.cancel() }
            }
        }
        await #expect(throws: CancellationError.self) { try await work.value }
        let blocks = Task {
            for try await _ in separator.stems(of: input) {
                withUnsafeCurrentTask { $0?.cancel() }
            }
        }
        await #expect(throws: CancellationError.self) { try await blocks.value }
        let whole = Task { try await separator.separate(input, options: long) }
        whole.cancel()
        await #expect(throws: CancellationError.self) { try await whole.value }
    }

    /// Pieces that end because their task is cancelled, as those of an `AsyncStream` do.
    private struct CutPieces: AsyncSequence, AsyncIteratorProtocol {
        var pieces: [PlanarAudio]

        mutating func next() async -> PlanarAudio? {
            if !pieces.isEmpty { return pieces.removeFirst() }
            withUnsafeCurrentTask { $0?.cancel() }
            return nil
        }

        func makeAsyncIterator() -> CutPieces { self }
    }

    @Test(arguments: [0, 1])
    func piecesOfACancelledTaskAreNoTrack(count: Int) async throws {
        let pieces = CutPieces(pieces: Array(repeating: track, count: count))
        let collected = Task { try await AudioInput.collect(pieces) }
        await #expect(throws: CancellationError.self) { try await collected.value }
        for live in [nil, LiveOptions(lookaheadSeconds: 0, hopSeconds: 0.1)] {
            let separated = Task {
                for try await _ in separator.stems(of: pieces, live: live) {}
            }
            await #expect(throws: CancellationError.self) { try await separated.value }
        }
    }

    @Test func blocksJoinToTheStems() async throws {
        let input = try AudioInput(track)
        let whole = try await separator.separate(input, options: options).stems
        let stems = separator.stems(of: input, options: options)
        // A sequence can be iterated again, and at the same time.
        async let again = stems.reduce(into: [[Stem]]()) { $0.append($1) }
        let blocks = try await stems.reduce(into: [[Stem]]()) { $0.append($1) }
        #expect(blocks.count > 2)
        #expect(joined(blocks) == whole)
        #expect(try await joined(again) == whole)
        let arrived = try await separator.stems(
            of: NoiseTrack.pieces(of: track), options: options
        )
        .reduce(into: [[Stem]]()) { $0.append($1) }
        #expect(joined(arrived) == whole)
    }

    @Test func liveStemsComeBeforeTheEnd() async throws {
        let (sequence, continuation) = AsyncStream.makeStream(of: PlanarAudio.self)
        continuation.yield(track[0..<12_000])
        var blocks: [[Stem]] = []
        let stems = separator.stems(
            of: sequence, live: LiveOptions(lookaheadSeconds: 0, hopSeconds: 0.1))
        for try await block in stems {
            blocks.append(block)
            if blocks.count == 1 {
                continuation.yield(track[12_000..<20_000])
                continuation.finish()
            }
        }
        #expect(joined(blocks)[0].audio.sampleCount == track.sampleCount)
    }

    @Test func unusablePiecesAndNumbersAreRefused() async throws {
        func reason(_ pieces: [PlanarAudio], _ live: LiveOptions? = nil) async -> String {
            func stream() -> AsyncStream<PlanarAudio> {
                AsyncStream { continuation in
                    for piece in pieces { continuation.yield(piece) }
                    continuation.finish()
                }
            }
            do {
                for try await _ in separator.stems(of: stream(), live: live) {}
                return "no error"
            } catch {
                if live == nil {
                    // The same pieces as a track.
                    await #expect {
                        try await separator.separate(AudioInput.collect(stream()))
                    } throws: { $0.localizedDescription == error.localizedDescription }
                }
                return error.localizedDescription
            }
        }
        #expect(await reason([]).contains("0 channels of 0 samples"))
        let other = NoiseTrack.buffer(samples: 10, channels: 1)
        #expect(await reason([track, other]).contains("A buffer has 1 channels"))
        let live = LiveOptions(lookaheadSeconds: 0, hopSeconds: 0.1)
        #expect(await reason([track, other], live).contains("A buffer has 1 channels"))
        let odd = PlanarAudio(channels: [[0, .nan], [0, 0]], sampleRateHz: 1600)
        #expect(await reason([odd]).contains("has nan at sample 1 of channel 0"))
        #expect(
            await reason([track], LiveOptions(lookaheadSeconds: 0, hopSeconds: 0)).contains("hop"))
    }

    @Test func interleavedSamplesAreTheSameAudio() {
        let audio = NoiseTrack.buffer(samples: 5, channels: 3)
        let samples = audio.interleaved
        #expect(samples[1] == audio.channels[1][0])
        #expect(
            samples.withUnsafeBufferPointer {
                PlanarAudio(interleaved: $0, channelCount: 3, sampleRateHz: 1600)
            } == audio)
    }

    @Test func aFileURLFindsTheModelAndAnotherIsNamed() async throws {
        let url = Fixture.url("models/cross_first.safetensors")
        #expect(try await Separator.load(ModelFiles(checkpoint: url)).model.name == "cross_first")
        let remote = try #require(URL(string: "https://example.org/model.safetensors"))
        await #expect {
            try await Separator.load(ModelFiles(checkpoint: remote))
        } throws: { $0.localizedDescription.contains("https://example.org/model.safetensors") }
    }
}
