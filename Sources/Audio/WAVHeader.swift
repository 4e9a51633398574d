// The header of a WAV file. Reference: encode_wav in demucs/audio.py for files
// below 4 GiB without tags; EBU Tech 3306 for RF64.

/// The bytes of a WAV file up to its first sample.
///
/// | chunk | content |
/// |---|---|
/// | `RIFF` or `RF64` | size of all that follows, `WAVE` |
/// | `ds64` or `JUNK` | only with `hasLongSizes`: the 64-bit sizes, or room for them |
/// | `fmt ` | format (1 integer, 3 float), channels, rate, bytes per second and frame, bits |
/// | `fact` | only for floats: samples of each channel |
/// | `LIST` | only with tags, of which a stem always has one: `INFO` and a chunk of text for each that has an ID there |
/// | `data` | size of the samples, which follow |
/// | `id3 ` | after the samples, only with a cover or a text that `INFO` has no ID for: all tags as in an MP3 file |
package struct WAVHeader {
    package var channelCount: Int
    package var sampleRateHz: Int
    package var format: SampleFormat
    package var tags: AudioTags?

    /// Whether there is room for sizes of 4 GiB and more.
    package var hasLongSizes: Bool

    package init(
        channelCount: Int, sampleRateHz: Int, format: SampleFormat, tags: AudioTags? = nil,
        hasLongSizes: Bool = false
    ) {
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        self.format = format
        self.tags = tags
        self.hasLongSizes = hasLongSizes
    }

    private var frameBytes: Int { channelCount * format.sampleBytes }

    /// Whether the sizes of a file with so many samples in each channel need 64 bits.
    package func needsLongSizes(sampleCount: Int) -> Bool {
        sizes(sampleCount: sampleCount).areLong
    }

    /// The sizes of `RIFF` and `data` in bytes, cut so that no sum overflows; are 64 bits needed?
    private func sizes(sampleCount: Int) -> (riff: Int, data: Int, areLong: Bool) {
        let (product, overflow) = sampleCount.multipliedReportingOverflow(by: frameBytes)
        let data = overflow ? .max / 4 : min(product, .max / 4)
        let others =
            4 + (hasLongSizes ? 8 + Self.longSizesBytes : 0)
            + chunks(fact: .little(UInt32(0))).count + 8
        let riff = others + data + data % 2 + end.count
        return (riff, data, riff >= UInt32.max)
    }

    /// The header.
    ///
    /// - Parameter sampleCount: samples of each channel; nil if unknown. All sizes are then the
    ///   largest number, which readers take for "up to the end".
    package func bytes(sampleCount: Int?) -> [UInt8] {
        let sizes = sampleCount.map(sizes)
        let isLong = hasLongSizes && sizes?.areLong == true
        // The largest number too where ds64 holds the sizes.
        func short(_ number: Int?) -> [UInt8] {
            .little(isLong ? UInt32.max : UInt32(clamping: number ?? .max))
        }
        var header = Array((isLong ? "RF64" : "RIFF").utf8)
        header += short(sizes?.riff) + "WAVE".utf8
        if isLong, let sizes, let sampleCount {
            // The last number is the length of a table of further sizes.
            header.append(
                chunk: "ds64",
                .little(UInt64(sizes.riff)) + .little(UInt64(sizes.data))
                    + .little(UInt64(sampleCount)) + .little(UInt32(0)))
        } else if hasLongSizes {
            header.append(chunk: "JUNK", [UInt8](repeating: 0, count: Self.longSizesBytes))
        }
        header += chunks(fact: short(sampleCount))
        return header + "data".utf8 + short(sizes?.data)
    }

    /// The chunks between the sizes and the samples.
    private func chunks(fact: [UInt8]) -> [UInt8] {
        var chunks: [UInt8] = []
        chunks.append(chunk: "fmt ", formatFields)
        if format == .float32 { chunks.append(chunk: "fact", fact) }
        if let infoList { chunks.append(chunk: "LIST", infoList) }
        return chunks
    }

    /// The chunk after the samples, where a large picture delays no player; empty without it.
    package var end: [UInt8] {
        guard let tags,
            tags.picture != nil || tags.roomBytes > 0
                || tags.texts.contains(where: { $0.field.info.isEmpty })
        else { return [] }
        var end: [UInt8] = []
        end.append(chunk: "id3 ", ID3Tag.bytes(tags))
        return end
    }

    private static let longSizesBytes = 28

    private var formatFields: [UInt8] {
        let sampleFields: [UInt8] =
            .little(UInt16(frameBytes)) + .little(UInt16(8 * format.sampleBytes))
        return .little(UInt16(format == .float32 ? 3 : 1)) + .little(UInt16(channelCount))
            + .little(UInt32(sampleRateHz)) + .little(UInt32(sampleRateHz * frameBytes))
            // Other formats than PCM end with the size of further fields, which floats don't have.
            + sampleFields + (format == .float32 ? [0, 0] : [])
    }

    private var infoList: [UInt8]? {
        let texts = (tags?.texts ?? []).filter { !$0.field.info.isEmpty }
        let mark = tags?.isStem == true ? [("ISFT", StemMark.software)] : []
        let chunks = mark + texts.map { ($0.field.info[0], $0.text.utf8 + [0]) }
        if chunks.isEmpty { return nil }
        return chunks.reduce(into: Array("INFO".utf8)) { $0.append(chunk: $1.0, $1.1) }
    }
}

extension [UInt8] {
    /// A number as little-endian bytes.
    static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        Swift.withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// Appends a chunk: name, size, content, and a zero byte if the content is odd.
    fileprivate mutating func append(chunk name: String, _ content: [UInt8]) {
        self += name.utf8
        self += .little(UInt32(content.count))
        self += content
        if content.count % 2 == 1 { append(0) }
    }
}
