import Audio
import Demucs
import Foundation
import TestSupport
import Testing

/// Files and sequences of buffers from asynchronous code.
struct AsyncSeparationTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func outputs(_ prefix: String) -> [StemOutput] {
        ["drums", "rest"].map { stem in
            StemOutput(
                name: stem, signal: .stem(stem), to: .file(folder.path("\(prefix)_\(stem).wav")))
        }
    }

    private static let options = SeparationOptions(shifts: 1, seed: 8)

    /// The track in pieces of rising length.
    private func pieces(of track: AudioBuffer) -> AsyncStream<AudioBuffer> {
        AsyncStream { continuation in
            var (start, length) = (0, 0)
            while start < track.sampleCount {
                let end = min(start + length, track.sampleCount)
                continuation.yield(
                    AudioBuffer(
                        channels: track.channels.map { Array($0[start..<end]) },
                        sampleRateHz: track.sampleRateHz))
                (start, length) = (end, length + 171)
            }
            continuation.finish()
        }
    }

    @Test func piecesGiveTheFilesOfTheWholeTrack() async throws {
        // Longer than a block of the temporary file.
        let track = NoiseTrack.buffer(samples: 20_000, amplitude: 0.5)
        let path = folder.path("track.wav")
        try AudioFile.write(track, to: path, format: .wav(.float32), clip: .none)
        let separator = try NoiseTrack.model()
        let (steps, progress) = AsyncStream.makeStream(of: SeparationProgress.self)
        async let ofFile = separator.separate(
            AudioInput(path: path), into: outputs("file"), options: Self.options,
            progress: progress)
        var last: SeparationProgress?
        for await step in steps { last = step }
        #expect(last?.segmentsDone == last?.segmentsTotal)
        let ofPieces = try await separator.separate(
            pieces(of: track), into: outputs("pieces"), options: Self.options)
        #expect(try await ofFile.outputs.map(\.sha256) == ofPieces.outputs.map(\.sha256))
        #expect(ofPieces.durationSeconds == 12.5)
    }

    @Test func piecesThatDifferAreRefused() async throws {
        let separator = try NoiseTrack.model()
        for odd in [
            NoiseTrack.buffer(samples: 10, channels: 1),
            NoiseTrack.buffer(samples: 10, rateHz: 2000),
            AudioBuffer(channels: [[0, .nan], [0, 0]], sampleRateHz: 1600),
        ] {
            let stream = AsyncStream<AudioBuffer> {
                $0.yield(NoiseTrack.buffer(samples: 10))
                $0.yield(odd)
                $0.finish()
            }
            await #expect(throws: SeparationError.self) {
                try await separator.separate(stream, into: outputs("odd"))
            }
        }
        await #expect(throws: SeparationError.emptyAudio(channels: 0, samples: 0)) {
            try await separator.separate(
                AsyncStream<AudioBuffer> { $0.finish() }, into: outputs("none"))
        }
        #expect(try folder.contents == [])
    }

    @Test func cancellingTheTaskLeavesNoFiles() async throws {
        let separator = try NoiseTrack.model()
        let (steps, progress) = AsyncStream.makeStream(of: SeparationProgress.self)
        let track = NoiseTrack.buffer(samples: 100_000)
        // A minute of work.
        let options = SeparationOptions(shifts: 100)
        let task = Task {
            try await separator.separate(
                pieces(of: track), into: outputs("cancelled"), options: options,
                progress: progress)
        }
        cancelSoon(task)
        for await _ in steps {}
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try folder.contents == [])
    }
}

/// Cancels from a thread of its own: tests that block share the few threads that run tasks, and
/// another task might wait until the work is done.
func cancelSoon<Value>(_ task: Task<Value, any Error>) {
    Thread.detachNewThread {
        Thread.sleep(forTimeInterval: 0.05)
        task.cancel()
    }
}
