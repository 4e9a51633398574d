// The loudspeakers that a file's channels are for, by its container.

import Signal

extension AudioReader {
    package var name: String { path }

    package var speakers: [Speaker]? {
        if sound.order?.codec == .ogg { return Speaker.vorbisLayout(channelCount: channelCount) }
        guard let mask = sound.plain?.channelMask else { return nil }
        // The lowest bit first.
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
