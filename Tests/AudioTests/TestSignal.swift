import Audio
import Foundation
import TestSupport

/// Signals that the tests write.
enum TestSignal {
    /// A tone whose level rises, so that coders can't compress it trivially.
    static func tone(samples: Int) -> [Float] {
        (0..<samples).map { 0.5 * sin(Float($0) * 0.05) * min(Float($0) / 2_000, 1) }
    }

    /// "quiet" or "loud", in stereo, of reference/signal_fixtures.py.
    static func clipping(_ name: String) throws -> PlanarAudio {
        let fixture = try Fixture("audio/clipping")
        let values = try fixture.floats(name)
        return PlanarAudio(values, channelCount: 2, sampleRateHz: 44_100)
    }
}

extension PlanarAudio {
    /// Audio of 44.1 kHz.
    init(_ channels: [Float]...) {
        self.init(channels: channels, sampleRateHz: 44_100)
    }
}

extension OutputFormat {
    static let flac = OutputFormat(container: .flac)
    static let rawFloat32 = OutputFormat(container: .rawFloat32)

    static func mp3(_ settings: MP3Settings = MP3Settings()) -> OutputFormat {
        OutputFormat(container: .mp3(settings))
    }
}

extension AudioWriter {
    /// A writer of 44.1 kHz that doesn't change samples.
    convenience init(
        _ destination: OutputDestination, _ format: OutputFormat = OutputFormat(),
        channels: Int = 1, samples: Int? = nil, tags: AudioTags? = nil
    ) throws {
        try self.init(
            to: destination, channelCount: channels, sampleRateHz: 44_100, sampleCount: samples,
            format: format, clip: .none, tags: tags)
    }
}

extension TemporaryFolder {
    /// Makes a shell script in the place of ffmpeg.
    func ffmpeg(_ script: String) throws -> FFmpeg { FFmpeg(path: try program(script)) }
}

extension Data {
    /// An unsigned number of four bytes, the lowest first.
    func littleEndian(at offset: Int) -> Int {
        self[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
