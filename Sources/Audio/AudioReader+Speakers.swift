// The loudspeakers that a file's channels are for, by its container.

import Signal

extension AudioReader {
    package var name: String { path }

    package var speakers: [Speaker]? {
        let head = file.bytes(at: 0, count: 4)
        if head.elementsEqual("OggS".utf8) {
            return Speaker.vorbisLayout(channelCount: channelCount)
        }
        guard let chunks = FileChunks(of: file),
            chunks.container == .wav || chunks.container == .w64,
            let format = chunks.chunks(until: "data").first(where: { $0.name == "fmt " }),
            format.countBytes >= 40,
            file.number(at: format.start, 2, isBigEndian: chunks.isBigEndian) == 0xFFFE,
            let mask = file.number(at: format.start + 20, 4, isBigEndian: chunks.isBigEndian)
        else { return nil }
        // The bits of WAVE_FORMAT_EXTENSIBLE, the lowest first.
        let bits: [Speaker] = [
            .left, .right, .centre, .lowFrequency, .leftSurround, .rightSurround, .left, .right,
            .backCentre, .leftSurround, .rightSurround,
        ]
        let used = (0..<18).filter { mask & 1 << $0 != 0 }
        guard used.count == channelCount, let last = used.last, last < bits.count else {
            return nil
        }
        return used.map { bits[$0] }
    }
}
