import DemucsEngine
import Foundation
import ModelZoo
import System
import TestSupport
import Testing

/// The options of a golden track, from its metadata.
private struct GoldenOptions: Decodable {
    let overlap: Double
    let seed: UInt64
    let segment: Double?
    let shifts: Int
    let split: Bool
    let transitionPower: Double

    init(_ json: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(GoldenOptions.self, from: Data(json.utf8))
    }

    var options: SeparationOptions {
        SeparationOptions(
            shifts: shifts, seed: seed, overlap: overlap, segmentSeconds: segment, split: split,
            transitionPower: transitionPower)
    }
}

/// The model of a golden track: a checkpoint, or a bag of several.
private func modelFiles(_ metadata: [String: String]) throws -> ModelFiles {
    func path(_ name: String) -> String { Fixture.url("models/\(name)").path }
    if let checkpoint = metadata["checkpoint"] {
        return ModelFiles(checkpoint: path(checkpoint))
    }
    func decoded<Value: Decodable>(_ key: String, as type: Value.Type) throws -> Value {
        let json = try #require(metadata[key])
        return try JSONDecoder().decode(type, from: Data(json.utf8))
    }
    return ModelFiles(
        name: "bag", checkpoints: try decoded("bag", as: [String].self).map(path),
        weights: try decoded("weights", as: [[Double]]?.self),
        segmentSeconds: try decoded("bag_segment", as: Double?.self))
}

private func noise(_ samples: Int) -> PlanarAudio {
    NoiseTrack.buffer(samples: samples, amplitude: 1)
}

struct SeparatorTests {
    /// Whole tracks, separated by the reference.
    private static let goldenTracks = Fixture.names(in: "tracks")

    @Test func goldenTracksAreThere() {
        #expect(Self.goldenTracks.count >= 30)
    }

    /// PyTorch's float32 has an SNR of 126 to 131 dB against its float64 on most of these tracks,
    /// and two orders of float32 sums differ a little more. Ten samples alone vary most, from 119
    /// to 121 dB over the instruction sets. Where PyTorch's own SNR is lower (77 dB for
    /// `silent_start`, whose silent segments are rounding errors divided by 1e-5), the bound is
    /// lower too: 6 dB allow twice its own error.
    @Test(arguments: goldenTracks)
    func matchesTheOfficialPackage(track: String) throws {
        let fixture = try Fixture("tracks/\(track)")
        let metadata = fixture.checkpoint.metadata
        let options = try GoldenOptions(try #require(metadata["options"])).options
        let ownDecibels =
            try metadata["snr_against_float64_db"].map {
                try JSONDecoder().decode([String: Double].self, from: Data($0.utf8))
            } ?? [:]
        let shape = try fixture.shape("mix")
        let values = try fixture.floats("mix")
        let mix = PlanarAudio(
            values, channelCount: shape[0],
            sampleRateHz: try #require(metadata["samplerate"].flatMap { Int($0) }))

        let separator = try Separator(OpenedModel(modelFiles(metadata)), threads: 1)
        let separation = try separator.separate(AudioInput(mix), options: options)
        #expect(separation.stems.map(\.name) == separator.model.sources)
        #expect(separation.seed == (options.shifts > 0 ? options.seed : nil))
        for stem in separation.stems {
            let channels = stem.audio.channels
            let comparison = try fixture.comparison(
                of: LaidOut([channels.count, channels[0].count], channels.flatMap { $0 }),
                with: stem.name)
            let least = min(115, (ownDecibels[stem.name] ?? .infinity) - 6)
            #expect(comparison.snrDecibels >= least, "\(stem.name): \(comparison)")
            #expect(stem.audio.sampleRateHz == separator.model.sampleRateHz)
        }
    }

    /// Each kind of network; `demo` has more channels than a panel of packed weights, and several
    /// tiles in each loop.
    @Test(
        arguments: ["any_length", "hybrid_long", "waveform_lstm", "demo"],
        [Precision.float32, .int8])
    func anyNumberOfThreadsAndJobsGivesTheSameBits(name: String, precision: Precision) throws {
        let folder = name == "demo" ? Fixture.bundledModels : Fixture.url("models")
        let path = folder.appendingPathComponent("\(name).safetensors").path
        let model = try OpenedModel(ModelFiles(checkpoint: path))
        func stems(threads: Int, jobs: Int) throws -> Separation {
            let separator = try Separator(
                model, threads: threads, segmentsInParallel: jobs, precision: precision)
            let track = NoiseTrack.buffer(
                samples: 20_001, rateHz: separator.model.sampleRateHz, amplitude: 1)
            return try separator.separate(
                AudioInput(track), options: SeparationOptions(shifts: 2, seed: 5))
        }
        let one = try stems(threads: 1, jobs: 1)
        for (threads, jobs) in [(2, 1), (5, 1), (8, 3)] {
            #expect(try stems(threads: threads, jobs: jobs) == one, "\(threads), \(jobs)")
        }
    }

    @Test func aDrawnSeedRepeatsTheSeparation() throws {
        let separator = try NoiseTrack.model()
        let drawn = try separator.separate(AudioInput(noise(700)))
        let seed = try #require(drawn.seed)
        let again = try separator.separate(AudioInput(noise(700)), options: .init(seed: seed))
        #expect(again == drawn)
    }

    @Test func anAsyncSeparationGivesTheSameBits() async throws {
        let separator = try NoiseTrack.model()
        let options = SeparationOptions(shifts: 1, seed: 3)
        let audio = noise(900)
        async let first = separator.separate(AudioInput(audio), options: options)
        async let second = separator.separate(AudioInput(audio), options: options)
        let expected = try separator.separate(
            AudioInput(audio), options: options, cancellation: CancellationToken())
        #expect(try await first == expected)
        #expect(try await second == expected)
    }

    @Test func audioThatCannotBeIsRefused() throws {
        let separator = try NoiseTrack.model()
        func expect(_ error: some Error & Equatable, _ channels: [[Float]], rateHz: Int = 1600) {
            #expect(throws: error) {
                _ = try separator.separate(
                    AudioInput(PlanarAudio(channels: channels, sampleRateHz: rateHz)))
            }
        }
        func invalid(_ problem: String) -> SeparationError { .invalidAudio(problem: problem) }
        expect(SeparationError.emptyAudio(channels: 0, samples: 0), [])
        expect(SeparationError.emptyAudio(channels: 2, samples: 0), [[], []])
        expect(
            invalid("has 1 samples in channel 1, expected 2 as in channel 0"), [[0, 0], [0]])
        expect(
            invalid("has nan at sample 2 of channel 1, expected a finite number"),
            [[0, 0, 0], [0, 1, .nan]])
        expect(
            invalid("has -inf at sample 0 of channel 0, expected a finite number"),
            [[-.infinity, 0], [0, 0]])
        expect(
            invalid("has a sample rate of 0 Hz, expected 1000 to 768000 Hz"),
            [[0.5], [0.5]], rateHz: 0)
        // Their sum is infinite.
        expect(SeparationError.tooLoud, [[3e38, 0, 0], [3e38, 0, 0]])
        // Less than one sample remains at the model's rate.
        expect(
            invalid("is shorter than one sample at the model's 1600 Hz: it has 1 at 48000 Hz"),
            [[0.5], [0.5]], rateHz: 48_000)
    }

    @Test func numbersOfThreadsOutOfRangeAreRefused() {
        for threads in [0, -1, 1025, Int.max] {
            #expect(throws: SeparationError.self) {
                _ = try NoiseTrack.model(threads: threads)
            }
        }
    }
}
