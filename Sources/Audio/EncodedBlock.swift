// One block of samples for a file: interleaved, limited and rounded.
// libsndfile's own conversion rounds to nearest.

/// Interleaved samples, first as floats, then in the stored format.
struct EncodedBlock {
    private let channelCount: Int
    private let format: SampleFormat
    private let capacity: Int
    private var floats: [Float]
    /// 24-bit samples, in the upper three bytes.
    private var integers: [Int32]
    private var shortIntegers: [Int16]

    /// Samples, counted in all channels and blocks, that ±1 limited with the clip mode `none`.
    private(set) var limitedSamples = 0

    /// Samples of each channel that are in the block.
    private(set) var samples = 0

    /// - Parameter samples: samples of each channel that the block has room for.
    init(samples: Int, channelCount: Int, format: SampleFormat) {
        self.channelCount = channelCount
        self.format = format
        capacity = samples
        let values = samples * channelCount
        floats = [Float](repeating: 0, count: values)
        integers = [Int32](repeating: 0, count: format == .int24 ? values : 0)
        shortIntegers = [Int16](repeating: 0, count: format == .int16 ? values : 0)
    }

    /// Copies a range of samples of every channel into the block, interleaved.
    mutating func fill(_ audio: PlanarAudio, _ range: Range<Int>) {
        precondition(range.count <= capacity && audio.channelCount == channelCount)
        samples = range.count
        floats.withUnsafeMutableBufferPointer { floats in
            for (channel, signal) in audio.channels.enumerated() {
                for (index, sample) in signal[range].enumerated() {
                    floats[index * channelCount + channel] = sample
                }
            }
        }
    }

    /// The first interleaved index of a sample that is NaN or infinite.
    var firstNotFinite: Int? {
        floats.withUnsafeBufferPointer {
            UnsafeBufferPointer(rebasing: $0[..<values]).firstNotFinite
        }
    }

    /// Limits and rounds the samples, which must be finite.
    ///
    /// Demucs: `prevent_clip`, then `_pcm_bytes`; products are float32, as NumPy's are.
    mutating func encode(_ clip: ClipMode, divisor: Float, rounding: IntegerRounding) {
        let values = values
        floats.withUnsafeMutableBufferPointer { floats in
            let used = UnsafeMutableBufferPointer(rebasing: floats[..<values])
            clip.apply(to: used, divisor: divisor)
            if clip == .none {
                for sample in used where abs(sample) > 1 { limitedSamples += 1 }
            }
            if clip == .off && format == .float32 { return }
            for index in used.indices { used[index] = min(max(used[index], -1), 1) }
        }
        switch (format, rounding) {
        case (.int16, .towardZero):
            for index in 0..<values { shortIntegers[index] = Int16(floats[index] * 32_767) }
        case (.int16, .nearest):
            for index in 0..<values {
                shortIntegers[index] = Int16(min((floats[index] * 32_768).rounded(), 32_767))
            }
        case (.int24, .towardZero):
            for index in 0..<values { integers[index] = Int32(floats[index] * 8_388_607) << 8 }
        case (.int24, .nearest):
            for index in 0..<values {
                let value = min((floats[index] * 8_388_608).rounded(), 8_388_607)
                integers[index] = Int32(value) << 8
            }
        case (.float32, _):
            break
        }
    }

    /// The encoded samples of 16 bits.
    func withShortIntegers<Result>(_ body: (UnsafePointer<Int16>) -> Result) -> Result {
        // Empty only in blocks of other formats, whose encoders don't call this function.
        shortIntegers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }

    /// The encoded samples of 24 bits in the upper bytes of 32, where libsndfile wants them.
    func withShiftedIntegers<Result>(_ body: (UnsafePointer<Int32>) -> Result) -> Result {
        integers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }

    /// The encoded samples as little-endian bytes, the byte order of all CPUs that Swift runs on.
    func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        let used = 0..<values * format.sampleBytes
        switch format {
        case .int16:
            shortIntegers.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[used])) }
        case .float32:
            floats.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[used])) }
        case .int24:
            withUnsafeTemporaryAllocation(byteCount: used.count, alignment: 1) { bytes in
                for (index, value) in integers[..<values].enumerated() {
                    bytes[3 * index] = UInt8(truncatingIfNeeded: value >> 8)
                    bytes[3 * index + 1] = UInt8(truncatingIfNeeded: value >> 16)
                    bytes[3 * index + 2] = UInt8(truncatingIfNeeded: value >> 24)
                }
                body(UnsafeRawBufferPointer(bytes))
            }
        }
    }

    private var values: Int { samples * channelCount }
}
