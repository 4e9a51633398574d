// Encodes FLAC from integers that were rounded as in the reference.

import CSndFile

/// FLAC through libsndfile, at its default compression.
final class FLACEncoder: SampleEncoder {
    private let sink: OutputSink
    private let format: SampleFormat
    private var handle: OpaquePointer?

    /// libsndfile's position in the file; it seeks back to complete the header.
    private var offset = 0

    init(
        to sink: OutputSink, channelCount: Int, sampleRateHz: Int, format: SampleFormat,
        tags: AudioTags?
    ) throws(AudioError) {
        self.sink = sink
        self.format = format
        var info = SF_INFO()
        info.samplerate = Int32(sampleRateHz)
        info.channels = Int32(channelCount)
        info.format = Int32(
            SF_FORMAT_FLAC | (format == .int24 ? SF_FORMAT_PCM_24 : SF_FORMAT_PCM_16))
        // libsndfile passes this object, the user data below, back to the functions.
        var functions = SF_VIRTUAL_IO(
            get_filelen: { sf_count_t(FLACEncoder.from($0).sink.countBytes) },
            seek: { sf_count_t(FLACEncoder.from($2).seek(Int($0), from: $1)) },
            read: { _, _, _ in 0 },
            write: { sf_count_t(FLACEncoder.from($2).write($0, Int($1))) },
            tell: { sf_count_t(FLACEncoder.from($0).offset) })
        handle = sf_open_virtual(
            &functions, Int32(SFM_WRITE), &info, Unmanaged.passUnretained(self).toOpaque())
        guard let handle else {
            throw .unwritable(path: sink.name, reason: libraryReason(nil))
        }
        for (field, utf8) in tags?.texts ?? [] {
            sf_set_string(handle, Int32(field.sndFile), String(decoding: utf8, as: UTF8.self))
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
            throw sink.failure ?? .writeFailed(path: sink.name, reason: libraryReason(handle))
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

    private func seek(_ distance: Int, from origin: Int32) -> Int {
        let start = origin == SEEK_SET ? 0 : origin == SEEK_CUR ? offset : sink.countBytes
        offset = min(max(start + distance, 0), sink.countBytes)
        return offset
    }

    private func write(_ pointer: UnsafeRawPointer?, _ count: Int) -> Int {
        let bytes = UnsafeRawBufferPointer(start: pointer, count: count)
        let replaced = min(count, sink.countBytes - offset)
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
}
