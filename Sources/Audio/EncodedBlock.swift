// One block of samples on its way into a file: interleaved, limited and rounded as the reference
// does it. libsndfile's own conversion rounds to nearest.

import CSndFile

/// Interleaved samples, first as floats, then as what is stored.
struct EncodedBlock {
    private let channelCount: Int
    private let format: SampleFormat
    private let capacity: Int
    private var samples = 0
    private var floats: [Float]
    private var integers: [Int32]
    private var shortIntegers: [Int16]

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

    /// Takes a run of samples of every channel.
    mutating func fill(_ channels: [[Float]], _ range: Range<Int>) {
        precondition(range.count <= capacity)
        samples = range.count
        for (channel, signal) in channels.enumerated() {
            var index = channel
            for sample in signal[range] {
                floats[index] = sample
                index += channelCount
            }
        }
    }

    /// The first interleaved index of a sample that is NaN or infinite.
    var firstNotFinite: Int? {
        floats[..<(samples * channelCount)].firstIndex { !$0.isFinite }
    }

    /// Limits and rounds the samples, all of which are finite.
    ///
    /// Demucs: `prevent_clip`, then `_pcm_bytes`; products are float32, as NumPy's are.
    mutating func encode(_ clipping: Clipping) {
        let values = samples * channelCount
        floats.withUnsafeMutableBufferPointer { floats in
            let used = UnsafeMutableBufferPointer(rebasing: floats[..<values])
            clipping.apply(to: used)
            for index in used.indices { used[index] = min(max(used[index], -1), 1) }
        }
        switch format {
        case .int16:
            for index in 0..<values { shortIntegers[index] = Int16(floats[index] * 32_767) }
        case .int24:
            // libsndfile stores the upper three bytes of a 32-bit integer.
            for index in 0..<values { integers[index] = Int32(floats[index] * 8_388_607) << 8 }
        case .float32:
            break
        }
    }

    /// Writes the encoded samples.
    ///
    /// - Returns: samples of each channel that arrived.
    func write(to handle: OpaquePointer) -> Int {
        let count = sf_count_t(samples)
        switch format {
        case .int16: return Int(sf_writef_short(handle, shortIntegers, count))
        case .int24: return Int(sf_writef_int(handle, integers, count))
        case .float32: return Int(sf_writef_float(handle, floats, count))
        }
    }
}
