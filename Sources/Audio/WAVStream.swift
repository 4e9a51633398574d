// Samples of a WAV file that arrives through a pipe, as soon as they arrive.

import Signal
import System

/// A stream that is not WAV, or can't be read.
package struct WAVStreamError: CausedError, DescribedError {
    package let description: String
    package var cause: ErrorCause { .input }
}

/// Reads a WAV stream, or raw samples, from a descriptor that can't be sought.
///
/// Integers of 16, 24 and 32 bits and floats of 32; the sizes of the chunks `RIFF` and `data` may be
/// unknown, as programs write them into a pipe.
package struct WAVStream {
    package let channelCount: Int
    package let sampleRateHz: Int
    private let name: String
    private let descriptor: Int32
    private let sampleBytes: Int
    private let isFloat: Bool
    /// Bytes of the samples that are still to come; `nil` if unknown.
    private var leftBytes: Int?
    /// Bytes of an incomplete sample.
    private var rest: [UInt8] = []

    /// Raw samples: interleaved little-endian float32.
    package init(rawFrom descriptor: Int32, name: String, channelCount: Int, sampleRateHz: Int) {
        self.descriptor = descriptor
        self.name = name
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        (sampleBytes, isFloat, leftBytes) = (4, true, nil)
    }

    /// Reads the header.
    ///
    /// - Throws: ``WAVStreamError`` for another format, and if it can't be read.
    package init(from descriptor: Int32, name: String) throws(WAVStreamError) {
        let input = (descriptor: descriptor, name: name)
        guard let riff = try Self.read(12, input) else { throw Self.error(name, "it is empty") }
        guard ["RIFF", "RF64"].contains(text(riff[..<4])), text(riff[8...]) == "WAVE" else {
            throw Self.error(name, "it doesn't begin with a WAV header")
        }
        var format: [UInt8] = []
        while let chunk = try Self.read(8, input) {
            let size = number(chunk[4...])
            if text(chunk[..<4]) == "data" {
                guard let (channels, rate, bytes, isFloat) = Self.layout(format) else {
                    throw Self.error(name, "it isn't 16-, 24- or 32-bit PCM or 32-bit floats")
                }
                (channelCount, sampleRateHz, sampleBytes) = (channels, rate, bytes)
                self.isFloat = isFloat
                self.descriptor = descriptor
                self.name = name
                // Programs that write into a pipe don't know the size.
                let isUnknown = size == 0 || size >= 0x7FFF_F000
                leftBytes = isUnknown ? nil : size
                guard
                    (1...128).contains(channels), (1...PlanarAudio.highestRateHz).contains(rate)
                else {
                    throw Self.error(name, "it has \(channels) channels at \(rate) Hz")
                }
                return
            }
            guard size <= 1 << 20, let content = try Self.read(size + size % 2, input) else {
                break
            }
            if text(chunk[..<4]) == "fmt " { format = content }
        }
        throw Self.error(name, "its header has no chunk 'data'")
    }

    private static func error(_ name: String, _ problem: String) -> WAVStreamError {
        WAVStreamError(
            description:
                "\(name): \(problem). Convert the sound, such as by 'ffmpeg -i song.mp3 -f "
                + "wav -', or send raw samples")
    }

    /// The next samples that have arrived, at least one and at most `count`; `nil` at the end.
    ///
    /// - Throws: ``WAVStreamError`` if it can't be read.
    package mutating func next(atMost count: Int) throws(WAVStreamError) -> PlanarAudio? {
        let frameBytes = channelCount * sampleBytes
        while rest.count < frameBytes {
            let wanted = min(count * frameBytes - rest.count, leftBytes ?? .max)
            let piece = wanted > 0 ? try Self.piece(wanted, (descriptor, name)) : []
            if piece.isEmpty { return nil }
            leftBytes? -= piece.count
            rest += piece
        }
        let samples = rest.count / frameBytes
        let values = rest.withUnsafeBytes { bytes in
            (0..<samples * channelCount).map { value(bytes, at: $0 * sampleBytes) }
        }
        rest.removeFirst(samples * frameBytes)
        return values.withUnsafeBufferPointer {
            PlanarAudio(interleaved: $0, channelCount: channelCount, sampleRateHz: sampleRateHz)
        }
    }

    private func value(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Float {
        if isFloat {
            return Float(bitPattern: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        // The sample's bytes are the upper ones of 32 bits.
        var bits: UInt32 = 0
        for byte in 0..<sampleBytes {
            bits |= UInt32(bytes[offset + byte]) << UInt32(8 * (byte + 4 - sampleBytes))
        }
        return Float(Int32(bitPattern: bits)) / 0x1p31
    }

    /// Channels, rate, bytes of a sample, and whether they are floats; `nil` for another format.
    private static func layout(_ format: [UInt8]) -> (Int, Int, Int, Bool)? {
        guard format.count >= 16 else { return nil }
        var kind = number(format[..<2])
        // The extensible format has the kind at the beginning of its identifier.
        if kind == 0xFFFE, format.count >= 26 { kind = number(format[24..<26]) }
        let bits = number(format[14..<16])
        guard (kind == 1 && [16, 24, 32].contains(bits)) || (kind == 3 && bits == 32) else {
            return nil
        }
        return (number(format[2..<4]), number(format[4..<8]), bits / 8, kind == 3)
    }

    private typealias Input = (descriptor: Int32, name: String)

    /// So many bytes; `nil` if fewer are left.
    private static func read(_ count: Int, _ input: Input) throws(WAVStreamError) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = try piece(count - bytes.count, input)
            if piece.isEmpty { return nil }
            bytes += piece
        }
        return bytes
    }

    /// What has arrived of so many bytes; none at the end.
    private static func piece(_ count: Int, _ input: Input) throws(WAVStreamError) -> [UInt8] {
        do {
            var bytes = [UInt8](repeating: 0, count: min(count, 1 << 20))
            let size = bytes.count
            let arrived = try bytes.withUnsafeMutableBytes { buffer in
                try retryingInterrupted { System.read(input.descriptor, buffer.baseAddress, size) }
            }
            return Array(bytes[..<arrived])
        } catch {
            throw WAVStreamError(description: "\(input.name): can't be read: \(error)")
        }
    }
}

private func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// A little-endian number.
private func number(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
}
