// Bytes of WAV files.

import Foundation

package enum WAVFile {
    /// Bytes before the samples of a stem in integers without tags: the reference's, and a list with the program's name.
    package static let stemHeaderBytes = 44 + 34

    package static func bytes(
        int16 samples: [Int16], channels: Int, rateHz: Int
    ) -> Data {
        bytes(samples.withUnsafeBytes { Data($0) }, format: 1, sampleBytes: 2, channels, rateHz)
    }

    /// - Parameter mask: the loudspeakers of the channels, by the bits of WAVEFORMATEXTENSIBLE.
    package static func bytes(
        float32 samples: [Float], channels: Int, rateHz: Int, mask: Int? = nil
    ) -> Data {
        bytes(
            samples.withUnsafeBytes { Data($0) }, format: 3, sampleBytes: 4, channels, rateHz, mask)
    }

    private static func bytes(
        _ samples: Data, format: Int, sampleBytes: Int, _ channels: Int, _ rateHz: Int,
        _ mask: Int? = nil
    ) -> Data {
        func bytes(_ fields: (value: Int, bytes: Int)...) -> Data {
            Data(
                fields.flatMap { value, bytes in
                    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
                })
        }
        let frameBytes = channels * sampleBytes
        // Chunk size, format, channels, rate, bytes of a second and of a frame, bits.
        var description = bytes(
            (mask == nil ? 16 : 40, 4), (mask == nil ? format : 0xFFFE, 2), (channels, 2),
            (rateHz, 4), (rateHz * frameBytes, 4), (frameBytes, 2), (8 * sampleBytes, 2))
        if let mask {
            // 22 more bytes: bits that are used, the mask, and the format as an identifier.
            description += bytes((22, 2), (8 * sampleBytes, 2), (mask, 4), (format, 4))
            description += bytes((0x0010_0000, 4), (0xAA00_0080, 4), (0x719B_3800, 4))
        }
        let bytesAfter = 16 + description.count + samples.count
        return Data("RIFF".utf8) + bytes((bytesAfter, 4)) + Data("WAVEfmt ".utf8)
            + description + Data("data".utf8) + bytes((samples.count, 4)) + samples
    }
}
