import Audio
import Foundation
import TestSupport

/// What the tests write.
enum TestSignal {
    /// A tone that swells, so that coders have something to do.
    static func tone(samples: Int) -> [Float] {
        (0..<samples).map { 0.5 * sin(Float($0) * 0.05) * min(Float($0) / 2_000, 1) }
    }

    /// "quiet" or "loud", in stereo, of tools/reference/make_signal_fixtures.py.
    static func clipping(_ name: String) throws -> PlanarAudio {
        let fixture = try Fixture("audio/clipping")
        let values = try fixture.floats(name)
        return PlanarAudio(values, channelCount: 2, sampleRateHz: 44_100)
    }
}
