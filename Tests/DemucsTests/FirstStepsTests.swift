import Analysis
import Demucs
import Foundation
import ModelDownloads
import Quantization
import TestSupport
import Testing

/// What a program's first lines call.
struct FirstStepsTests {
    private let folder = TemporaryFolder()
    private let track = NoiseTrack.buffer(samples: 3_000, amplitude: 0.5)
    private let options = SeparationOptions(shifts: 0)

    private func store() throws -> ModelStore {
        try ModelStore(repository: Fixture.url("models").path, isOffline: true)
    }

    @Test func aModelIsLoadedByNameAndFillsAFolder() async throws {
        let separator = try await Separator.load(named: "cross_first", from: store(), threads: 1)
        let stems = folder.url("new/stems")
        let report = try await separator.separate(
            AudioInput(track), intoFolder: stems,
            output: OutputOptions(format: .wav(.float32), clipMode: .none), options: options)
        #expect(report.outputs.map(\.name) == separator.model.sources)
        let separation = try await separator.separate(AudioInput(track), options: options)
        for stem in separation.stems {
            let path = stems.appendingPathComponent("\(stem.name).wav").path
            #expect(try await AudioFile.read(path).buffer == stem.audio)
        }
    }

    @Test func aRefusedSeparationLeavesNoFolder() async throws {
        let separator = try await Separator.load(named: "cross_first", from: store(), threads: 1)
        let late = Excerpt(startSeconds: 100)
        await #expect(throws: SeparationError.self) {
            try await separator.separate(
                AudioInput(track), excerpt: late, intoFolder: folder.path("none"))
        }
        for place in ["a\0b", "\(folder.path("a"))\0b"] {
            await #expect(throws: AudioError.self) {
                try await separator.separate(AudioInput(track), intoFolder: place)
            }
        }
        await #expect(throws: AudioError.self) {
            try await separator.separate(
                AudioInput(track), intoFolder: try #require(URL(string: "http://x/y")))
        }
        #expect(folder.paths == [])
    }

    @Test func stemsAreTakenByNameAndLeftOut() async throws {
        let separator = try await Separator.load(named: "cross_first", from: store(), threads: 1)
        let separation = try await separator.separate(AudioInput(track), options: options)
        #expect(try separation.stem("drums") == separation["drums"])
        #expect(try separation.allBut("drums") == separation["rest"])
        let three = Separation(
            stems: [Float](arrayLiteral: 1, 2, 4).map {
                Stem(
                    name: "\(Int($0))", audio: PlanarAudio(channels: [[$0, -$0]], sampleRateHz: 8))
            })
        #expect(try three.allBut("2").channels == [[5, -5]])
        #expect(try separator.model.allBut("drums") == .sum(["rest"]))
        let unknown = SeparationError.invalidOption(
            name: "stems", value: "choir", allowed: "one of drums, rest")
        let uneven = Separation(stems: three.stems + separation.stems)
        #expect(throws: SeparationError.self) { try uneven.allBut("2") }
        #expect(throws: unknown) { try separation.stem("choir") }
        #expect(throws: unknown) { try separation.allBut("choir") }
        #expect(throws: unknown) { try separator.model.allBut("choir") }
    }

    @Test func errorsOfEveryModuleHaveACause() async throws {
        func cause(_ work: () async throws -> some Sendable) async -> ErrorCause? {
            do {
                _ = try await work()
                return nil
            } catch { return (error as? any CausedError)?.cause }
        }
        let missing = await cause { try await Separator.load(named: "none", from: store()) }
        #expect(missing == .modelMissing)
        let input = await cause { try await AudioInput.open(folder.path("none.wav")) }
        #expect(input == .input)
        try folder.write(Data("x: [".utf8), "bag.yaml")
        let bag = await cause { try await Separator.load(named: folder.path("bag.yaml")) }
        #expect(bag == .model)
    }

    @Test func resultsAreStoredAsJSON() throws {
        func stored<Value: Codable>(_ value: Value) throws -> Value {
            try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
        }
        let progress = SeparationProgress(
            segmentsDone: 1, segmentsTotal: 4, trackSamples: 88_200, sampleRateHz: 44_100)
        #expect(try stored(progress) == progress && progress.audioSecondsDone == 0.5)
        let model = ModelInformation(name: "htdemucs", sources: ["drums", "vocals"])
        #expect(try stored(model) == model)
        let report = TrackReport(
            warnings: [.limited(output: "vocals", samples: 3)],
            outputs: [TrackReport.Output(name: "vocals", path: "vocals.wav", peak: 1.5)])
        #expect(try stored(report) == report)
    }

    @Test func aTrackIsAnalysedAndAModelQuantised() async throws {
        let path = folder.path("int8.safetensors")
        let checkpoint = Fixture.url("models/cross_first.safetensors").path
        let snr = try await Separator.quantize(
            checkpoint, to: path, calibratedOn: [AudioInput(track)], segments: 2, threads: 1)
        #expect(snr > 10)
        #expect(try ModelFiles(checkpoint: path).isQuantized())
        await #expect(throws: WeightsError.self) {
            try await Separator.quantize(checkpoint, to: checkpoint)
        }
        let separator = try await Separator.load(ModelFiles(checkpoint: path), threads: 1)
        let analysis = try await separator.analyze(AudioInput(track), options: options)
        #expect(analysis.beatsPerMinute == nil, "a track of less than four seconds")
    }
}
