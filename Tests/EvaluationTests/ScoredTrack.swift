// A track of Tests/Fixtures/evaluation: short stems, their estimates, and the scores of
// demucs.evaluate and torchmetrics.

import Audio
import Foundation
import TestSupport
import Testing

struct ScoredTrack {
    let stems: [String]
    let references: [PlanarAudio]
    let estimates: [PlanarAudio]
    private let scores: [String: [String]]

    static let names = ["stereo", "stereo_good", "mono", "silent_stem"]

    init(_ name: String) throws {
        let golden = try Fixture("evaluation/\(name)")
        let metadata = golden.checkpoint.metadata
        func decoded<Value: Decodable>(_ key: String, as type: Value.Type) throws -> Value {
            try JSONDecoder().decode(type, from: Data(try #require(metadata[key]).utf8))
        }
        let rateHz = try decoded("rate_hz", as: Int.self)
        stems = try decoded("stems", as: [String].self)
        scores = try decoded("scores", as: [String: [String]].self)
        func buffer(_ name: String) throws -> PlanarAudio {
            PlanarAudio(
                try golden.floats(name), channelCount: try golden.shape(name)[0],
                sampleRateHz: rateHz)
        }
        references = try stems.map { try buffer("reference.\($0)") }
        estimates = try stems.map { try buffer("estimate.\($0)") }
    }

    /// Golden values, `sdr.bass`.
    func golden(_ name: String) throws -> [Double] {
        try #require(scores[name]).map { try #require(Double($0)) }
    }

    func hasGolden(_ name: String) -> Bool { scores[name] != nil }
}
