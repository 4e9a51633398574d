// Tones as WAV files. Here, because test modules are compiled without optimisation.

import Foundation

/// Sounds of the service's tests.
package enum Sound {
    package static let short = tone(seconds: 0.2)
    /// The header of their name.
    package static let name = "X-Filename: tone.wav"

    /// A WAV file of 16-bit samples.
    package static func wav(channels: [[Float]], rate: Int = 44_100) -> Data {
        let samples = channels[0].indices.flatMap { index in
            channels.map { Int16(($0[index] * 32_767).rounded()) }
        }
        return WAVFile.bytes(int16: samples, channels: channels.count, rateHz: rate)
    }

    /// A stereo tone with clicks.
    package static func tone(seconds: Double = 1, pitchHz: Double = 220, channels: Int = 2) -> Data
    {
        let count = Int(seconds * 44_100)
        return wav(
            channels: (0..<channels).map { channel in
                (0..<count).map { index in
                    let phase = 2 * Double.pi * pitchHz * Double(index) / 44_100
                    let click: Float = index % 11_025 < 40 ? 0.4 : 0
                    return Float(0.4 * sin(phase + Double(channel))) + click
                }
            })
    }

    /// The samples of a 16-bit stereo WAV file, interleaved.
    package static func samples(_ wav: Data) -> [Int] {
        guard let data = wav.range(of: Data("data".utf8)) else { return [] }
        let bytes = [UInt8](wav[(data.upperBound + 4)...])
        return stride(from: 0, to: bytes.count - 1, by: 2).map {
            Int(Int16(truncatingIfNeeded: Int(bytes[$0]) | Int(bytes[$0 + 1]) << 8))
        }
    }
}
