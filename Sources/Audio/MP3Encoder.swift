// MP3 through LAME's own interface: libsndfile's can't set LAME's quality. Reference: encode_mp3 in
// demucs/audio.py.

import CLAME

/// MP3 of a constant bit rate from 16-bit samples, with tags before it.
///
/// A file begins with LAME's information frame, which the reference leaves out: it says how many
/// samples to drop at both ends, so that the decoded stem has its track's length.
final class MP3Encoder: SampleEncoder {
    private let sink: OutputSink
    private let lame: lame_t
    private let channelCount: Int
    private let tags: AudioTags?

    /// Position of the information frame in the file.
    private let firstFrame: Int
    private var encoded: [UInt8] = []

    init(
        to sink: OutputSink, channelCount: Int, sampleRateHz: Int, settings: MP3Settings,
        tags: AudioTags?
    ) throws(AudioError) {
        guard let lame = lame_init() else {
            throw .encodingFailed(path: sink.name, reason: "LAME has no memory")
        }
        self.lame = lame
        self.sink = sink
        self.channelCount = channelCount
        self.tags = tags
        if let tags { sink.append(ID3Tag.bytes(tags)) }
        firstFrame = sink.countBytes
        // From here on deinit closes the encoder, even if this throws.
        lame_set_silent(lame)
        lame_set_num_channels(lame, Int32(channelCount))
        lame_set_in_samplerate(lame, Int32(sampleRateHz))
        lame_set_brate(lame, Int32(settings.bitRateKilobitsPerSecond))
        lame_set_quality(lame, Int32(settings.preset))
        // As in the reference's copy of LAME; Debian's would take joint stereo at every bit rate.
        let isJoint = settings.bitRateKilobitsPerSecond <= 128
        if channelCount == 2 { lame_set_mode(lame, isJoint ? JOINT_STEREO : STEREO) }
        lame_set_bWriteVbrTag(lame, sink.canReplace ? 1 : 0)
        let code = lame_init_params(lame)
        guard code >= 0 else {
            throw .encodingFailed(
                path: sink.name,
                reason: "LAME refuses \(channelCount) channels at \(sampleRateHz) Hz with "
                    + "\(settings.bitRateKilobitsPerSecond) kbit/s")
        }
    }

    deinit {
        lame_close(lame)
    }

    func append(_ block: EncodedBlock) throws(AudioError) {
        // The largest output for so many samples, by LAME's header.
        let room = block.samples * 5 / 4 + 7_200
        try emit(room: room) { output in
            block.withShortIntegers { input in
                // LAME only reads the samples, though its interface says otherwise.
                let samples = UnsafeMutablePointer(mutating: input)
                return channelCount == 1
                    ? lame_encode_buffer(
                        lame, input, nil, Int32(block.samples), output, Int32(room))
                    : lame_encode_buffer_interleaved(
                        lame, samples, Int32(block.samples), output, Int32(room))
            }
        }
    }

    func finish(sampleCount: Int) throws(AudioError) {
        try emit(room: 7_200) { lame_encode_flush(lame, $0, 7_200) }
        guard sink.canReplace, sink.failure == nil else { return }
        var frame = [UInt8](repeating: 0, count: lame_get_lametag_frame(lame, nil, 0))
        let count = lame_get_lametag_frame(lame, &frame, frame.count)
        guard count <= frame.count, firstFrame + count <= sink.countBytes else { return }
        sink.replace(at: firstFrame, Array(frame.prefix(count)))
    }

    func replaceTags(_ tags: AudioTags) {
        guard sink.canReplace, let old = self.tags,
            let fitted = tags.fitted(to: old, size: { ID3Tag.bytes($0).count })
        else { return }
        sink.replace(at: 0, ID3Tag.bytes(fitted))
    }

    /// Writes the bytes that LAME puts into a buffer.
    private func emit(
        room: Int, _ encode: (UnsafeMutablePointer<UInt8>?) -> Int32
    ) throws(AudioError) {
        if encoded.count < room { encoded = [UInt8](repeating: 0, count: room) }
        let count = encoded.withUnsafeMutableBufferPointer { encode($0.baseAddress) }
        guard count >= 0 else {
            throw .encodingFailed(path: sink.name, reason: "LAME's error \(count)")
        }
        encoded.withUnsafeBytes { sink.append(UnsafeRawBufferPointer(rebasing: $0[..<Int(count)])) }
    }
}

/// Tags before the first frame of an MP3, and in a chunk of a WAV file. Reference: ID3 tag version 2.4.0, main structure and
/// native frames, id3.org.
enum ID3Tag {
    /// The bytes of a tag, all texts in UTF-8; empty without tags.
    static func bytes(_ tags: AudioTags) -> [UInt8] {
        if tags.isEmpty { return [] }
        func frame(_ name: String, _ content: [UInt8]) -> [UInt8] {
            Array(name.utf8) + size(content.count) + [0, 0] + content
        }
        var frames = tags.isStem ? frame("TSSE", StemMark.frame) : []
        frames += tags.texts.flatMap { field, _, text in
            // 3: UTF-8. A comment has a language (XXX: unknown) and an empty description before it.
            frame(field.id3[0], [3] + ((field.id3[0] == "COMM" ? "XXX\0" : "") + text).utf8)
        }
        if let picture = tags.picture {
            // The second 3 is the front cover, and an empty description follows.
            frames += frame("APIC", [3] + Array(picture.type.utf8) + [0, 3, 0] + picture.bytes)
        }
        frames += [UInt8](repeating: 0, count: tags.roomBytes)
        return Array("ID3".utf8) + [4, 0, 0] + size(frames.count) + frames
    }

    /// A size of 28 bits in four bytes, whose highest bits stay zero so that no decoder takes them
    /// for a frame.
    private static func size(_ count: Int) -> [UInt8] {
        [21, 14, 7, 0].map { UInt8(count >> $0 & 0x7F) }
    }
}
