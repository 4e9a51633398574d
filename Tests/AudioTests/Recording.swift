import Foundation
import TestSupport
import Testing

/// The short sound files that reference/signal_fixtures.py writes.
struct Recording: Sendable, CustomTestStringConvertible {
    let name: String
    let rateHz: Int
    let channels: Int
    let seconds: Double

    var testDescription: String { name }
    var sampleCount: Int { Int(Double(rateHz) * seconds) }
    var url: URL { Fixture.url("audio/recordings/\(name)") }
    var path: String { url.path }
    var data: Data { get throws { try Data(contentsOf: url) } }

    /// The signal that was encoded: 330 Hz in channel 0, 110 Hz more in each further channel.
    func tone(channel: Int) -> [Float] {
        (0..<sampleCount).map { n in
            let time = Double(n) / Double(rateHz)
            return Float(0.4 * sin(2 * Double.pi * Double(330 + 110 * channel) * time))
        }
    }

    static let int16WAV = Recording(name: "int16.wav", rateHz: 44_100, channels: 2, seconds: 0.1)
    static let int24WAV = Recording(name: "int24.wav", rateHz: 48_000, channels: 2, seconds: 0.05)
    static let floatWAV = Recording(name: "float32.wav", rateHz: 22_050, channels: 1, seconds: 0.1)
    static let sixChannels = Recording(
        name: "six_channels.wav", rateHz: 48_000, channels: 6, seconds: 0.02)
    static let aiff = Recording(name: "int16.aiff", rateHz: 32_000, channels: 2, seconds: 0.1)
    static let rf64 = Recording(name: "float32.rf64", rateHz: 44_100, channels: 2, seconds: 0.05)
    static let flac = Recording(name: "int16.flac", rateHz: 44_100, channels: 2, seconds: 0.5)
    static let streamedWAV = Recording(
        name: "streamed.wav", rateHz: 44_100, channels: 2, seconds: 0.05)
    static let vorbis = Recording(name: "vorbis.ogg", rateHz: 44_100, channels: 2, seconds: 2)
    static let opus = Recording(name: "opus.opus", rateHz: 48_000, channels: 2, seconds: 2)
    static let taggedMP3 = Recording(name: "tagged.mp3", rateHz: 44_100, channels: 2, seconds: 0.5)
    static let untaggedMP3 = Recording(
        name: "untagged.mp3", rateHz: 44_100, channels: 2, seconds: 0.5)
    static let fastMP3 = Recording(name: "fast.mp3", rateHz: 44_100, channels: 2, seconds: 0.5)
}
