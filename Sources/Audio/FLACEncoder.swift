// Encodes FLAC from integers that were rounded as in the reference.

import CSndFile

/// FLAC through libsndfile, at its default compression.
final class FLACEncoder: SampleEncoder {
    private let sink: OutputSink
    private let format: SampleFormat
    private var handle: OpaquePointer?

    /// libsndfile's position in the file as it would be without tags; it seeks back to complete the header.
    private var offset = 0

    private let tags: AudioTags?
    /// libsndfile's metadata while it writes it, and then the name of its encoder; nil without tags.
    private var head: [UInt8]?
    private var vendor: [UInt8] = []
    /// Bytes that the tags add to libsndfile's metadata.
    private var addedBytes = 0

    /// The signature and the first block, which has the length and the checksum.
    private static let fixedBytes = 4 + 4 + 34

    init(
        to sink: OutputSink, channelCount: Int, sampleRateHz: Int, format: SampleFormat,
        tags: AudioTags?
    ) throws(AudioError) {
        self.sink = sink
        self.format = format
        self.tags = tags
        head = tags?.isEmpty ?? true ? nil : []
        var info = SF_INFO()
        info.samplerate = Int32(sampleRateHz)
        info.channels = Int32(channelCount)
        info.format = Int32(
            SF_FORMAT_FLAC | (format == .int24 ? SF_FORMAT_PCM_24 : SF_FORMAT_PCM_16))
        // libsndfile passes this object, the user data below, back to the functions.
        var functions = SF_VIRTUAL_IO(
            get_filelen: { sf_count_t(FLACEncoder.from($0).countBytes) },
            seek: { sf_count_t(FLACEncoder.from($2).seek(Int($0), from: $1)) },
            read: { _, _, _ in 0 },
            write: { sf_count_t(FLACEncoder.from($2).write($0, Int($1))) },
            tell: { sf_count_t(FLACEncoder.from($0).offset) })
        handle = sf_open_virtual(
            &functions, Int32(SFM_WRITE), &info, Unmanaged.passUnretained(self).toOpaque())
        guard handle != nil else {
            throw .encodingFailed(path: sink.name, reason: libraryReason(nil))
        }
    }

    deinit {
        sf_close(handle)
    }

    func append(_ block: EncodedBlock) throws(AudioError) {
        let samples = sf_count_t(block.samples)
        let written =
            format == .int24
            ? block.withShiftedIntegers { sf_writef_int(handle, $0, samples) }
            : block.withShortIntegers { sf_writef_short(handle, $0, samples) }
        guard written == samples else {
            throw sink.failure ?? .encodingFailed(path: sink.name, reason: libraryReason(handle))
        }
    }

    func finish(sampleCount: Int) throws(AudioError) {
        // libsndfile writes the header with the first samples.
        if sampleCount == 0 { sf_command(handle, Int32(SFC_UPDATE_HEADER_NOW), nil, 0) }
        sf_close(handle)
        handle = nil
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> FLACEncoder {
        Unmanaged<FLACEncoder>.fromOpaque(pointer!).takeUnretainedValue()
    }

    func replaceTags(_ tags: AudioTags) {
        guard sink.canReplace, !vendor.isEmpty, let old = self.tags,
            let fitted = tags.fitted(to: old, size: { blocks($0).count })
        else { return }
        sink.replace(at: Self.fixedBytes, blocks(fitted))
    }

    /// The length of the file without what the tags add.
    private var countBytes: Int { head?.count ?? sink.countBytes - addedBytes }

    private func seek(_ distance: Int, from origin: Int32) -> Int {
        let start = origin == SEEK_SET ? 0 : origin == SEEK_CUR ? offset : countBytes
        offset = min(max(start + distance, 0), countBytes)
        return offset
    }

    private func write(_ pointer: UnsafeRawPointer?, _ count: Int) -> Int {
        let bytes = UnsafeRawBufferPointer(start: pointer, count: count)
        if head != nil {
            head?.append(contentsOf: bytes)
            insertTags()
            guard sink.failure == nil else { return 0 }
            offset += count
            return count
        }
        // libsndfile only replaces bytes before the tags.
        let replaced = min(count, countBytes - offset)
        // The header of a stream can't be replaced: its length and checksum stay unknown.
        if replaced > 0 && sink.canReplace {
            sink.replace(at: offset, UnsafeRawBufferPointer(rebasing: bytes[..<replaced]))
        }
        if replaced < count {
            sink.append(UnsafeRawBufferPointer(rebasing: bytes[replaced...]))
        }
        guard sink.failure == nil else { return 0 }
        offset += count
        return count
    }

    // MARK: - Tags

    /// Puts the tags in the place of libsndfile's comments, which are its last metadata and hold only the
    /// name of the encoder: libsndfile can write neither pictures nor most of the texts.
    private func insertTags() {
        guard let head, head.count >= Self.fixedBytes + 4 else { return }
        let size = head[(Self.fixedBytes + 1)..<(Self.fixedBytes + 4)].number(isBigEndian: true)
        let end = Self.fixedBytes + 4 + Int(size)
        guard head.count >= end else { return }
        let comments = head[(Self.fixedBytes + 4)..<end]
        vendor = Array(comments.prefix(4 + Int(comments.prefix(4).number(isBigEndian: false))))
        let blocks = blocks(tags ?? AudioTags())
        sink.append(Array(head[..<Self.fixedBytes]) + blocks + head[end...])
        addedBytes = blocks.count - (end - Self.fixedBytes)
        self.head = nil
    }

    /// The metadata after the first block: comments, picture, and room as padding.
    private func blocks(_ tags: AudioTags) -> [UInt8] {
        var blocks: [(type: UInt8, content: [UInt8])] = []
        func text(_ bytes: [UInt8], _ count: (UInt32) -> UInt32) -> [UInt8] {
            .little(count(UInt32(bytes.count))) + bytes
        }
        let comments = tags.comments
        blocks.append(
            (
                4,
                comments.reduce(vendor + .little(UInt32(comments.count))) {
                    $0 + text(Array($1.utf8)) { $0 }
                }
            ))
        if let picture = tags.picture {
            // The kind (3: front cover), type, description, four properties that may be unknown, picture.
            let unknown = [UInt8](repeating: 0, count: 5 * 4)
            let type = text(Array(picture.type.utf8)) { $0.byteSwapped }
            blocks.append(
                (6, [0, 0, 0, 3] + type + unknown + text(picture.bytes) { $0.byteSwapped }))
        }
        if tags.roomBytes > 0 {
            blocks.append((1, [UInt8](repeating: 0, count: tags.roomBytes)))
        }
        return blocks.enumerated().flatMap { index, block in
            let isLast: UInt8 = index == blocks.count - 1 ? 0x80 : 0
            // A size of 24 bits follows the type.
            let size = [UInt8].little(UInt32(block.content.count).byteSwapped).dropFirst()
            return [isLast | block.type] + Array(size) + block.content
        }
    }
}
