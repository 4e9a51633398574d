// Bytes of WAV files.

import Foundation

package enum WAVFile {
    package static func bytes(
        int16 samples: [Int16], channels: Int, rateHz: Int
    ) -> Data {
        bytes(samples.withUnsafeBytes { Data($0) }, format: 1, sampleBytes: 2, channels, rateHz)
    }

    package static func bytes(
        float32 samples: [Float], channels: Int, rateHz: Int
    ) -> Data {
        bytes(samples.withUnsafeBytes { Data($0) }, format: 3, sampleBytes: 4, channels, rateHz)
    }

    private static func bytes(
        _ samples: Data, format: Int, sampleBytes: Int, _ channels: Int, _ rateHz: Int
    ) -> Data {
        func bytes(_ fields: (value: Int, bytes: Int)...) -> Data {
            Data(
                fields.flatMap { value, bytes in
                    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
                })
        }
        let frameBytes = channels * sampleBytes
        // Chunk size, format, channels, rate, bytes of a second and of a frame, bits.
        let description = bytes(
            (16, 4), (format, 2), (channels, 2), (rateHz, 4), (rateHz * frameBytes, 4),
            (frameBytes, 2), (8 * sampleBytes, 2))
        return Data("RIFF".utf8) + bytes((36 + samples.count, 4)) + Data("WAVEfmt ".utf8)
            + description + Data("data".utf8) + bytes((samples.count, 4)) + samples
    }
}
