// Decoding, block by block, through libsndfile.

import CSndFile
import Signal
import Tracks

/// A sound file that is being decoded, at its own rate and with all its channels. Encoder delay is trimmed where the
/// file states it. Used by one thread at a time.
package final class AudioReader: RecordingReader {
    package let path: String
    package let sampleRateHz: Int
    package let channelCount: Int
    package private(set) var warnings: [AudioWarning]

    let sound: Sound

    private var decoder: SoundDecoder?
    /// The decoder's error text, if there is one.
    private var failure: String?

    /// Interleaved samples of one block.
    private var block: [Float] = []

    /// Samples of each channel that are decoded at once.
    private static let blockSamples = 16_384

    /// Reads the header of an open file.
    ///
    /// - Throws: every ``AudioError`` of reading but `nothingDecodable`, `tooLong` and `notFinite`.
    init(_ sound: Sound) throws(AudioError) {
        try sound.file.checkUnchanged()
        self.sound = sound
        path = sound.file.path
        warnings = sound.warnings
        decoder = SoundDecoder(sound)
        guard decoder != nil || sound.plain != nil else {
            throw .notAudio(path: path, reason: libraryReason(nil))
        }
        sampleRateHz = sound.plain?.sampleRateHz ?? decoder?.sampleRateHz ?? 0
        channelCount = sound.plain?.channelCount ?? decoder?.channelCount ?? 0
        try AudioError.check(path, channelCount: channelCount, sampleRateHz: sampleRateHz)
        block = [Float](repeating: 0, count: Self.blockSamples * channelCount)
    }

    /// Why libsndfile may not give all samples as they are: the frames aren't plainly in order, it announces
    /// another number of them, or it decodes none. Nil if it gives them. Decodes the first block.
    func oddity() -> String? {
        if let name = sound.plain?.disguised { return "its samples are \(name)" }
        guard let order = sound.order else { return nil }
        if let place = order.loss ?? order.oddity { return place.fact }
        if order.sampleRateHz != sampleRateHz {
            return
                "libsndfile decodes it at \(sampleRateHz) Hz, and it has \(order.sampleRateHz) Hz"
        }
        // Where MPEG audio states its length, frames are counted against it.
        if order.codec != .mpeg, let announced = decoder?.announcedSamples,
            announced != order.samples
        {
            return "libsndfile finds \(announced) samples, and it has \(order.samples)"
        }
        return decoder?.read(into: &block, Self.blockSamples) == 0 ? decoder?.failure ?? "" : nil
    }

    /// The announced length, but never more than the file's size makes plausible.
    package var plausibleSamples: Int {
        // The densest coder in use (speech at 8 kbit/s) packs some 50 samples into a byte.
        let (most, overflow) = sound.file.sizeBytes.multipliedReportingOverflow(by: 50)
        let bound = min(overflow ? Int.max : most, 1 << 26) / channelCount
        return min(decoder?.announcedSamples ?? 0, bound)
    }

    /// Decodes the next samples.
    ///
    /// - Returns: `nil` at the end, or where decoding can't go on.
    /// - Throws: `notFinite` for the first sample that is NaN or infinite; `changed` at the end, if
    ///   the file was written to since the track was opened; `unreadable` if the disk fails.
    package func next() throws -> PlanarAudio? {
        guard let decoder else {
            try sound.file.checkUnchanged()
            return nil
        }
        let start = decoder.decodedSamples
        let count = decoder.read(into: &block, Self.blockSamples)
        if count == 0 {
            try sound.file.checkUnchanged()
            failure = decoder.failure
            if let warning = lack(of: decoder) { warnings.append(warning) }
            self.decoder = nil
            return nil
        }
        return try block.withUnsafeBufferPointer { block in
            let values = UnsafeBufferPointer(rebasing: block[..<(count * channelCount)])
            if let index = values.firstNotFinite {
                throw AudioError.notFinite(
                    path: path, value: values[index],
                    seconds: Double(start + index / channelCount) / Double(sampleRateHz),
                    channel: index % channelCount)
            }
            return PlanarAudio(
                interleaved: values, channelCount: channelCount, sampleRateHz: sampleRateHz)
        }
    }

    /// Passes over samples without decoding them, where that is exact.
    package func skip(_ count: Int) throws -> Int { decoder?.skip(count) ?? 0 }

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

    package var emptyError: any Error {
        AudioError.nothingDecodable(
            path: path, reason: sound.order?.oddity?.fact ?? sound.advice ?? failure)
    }

    /// The length that headers and frames state, and whether no sound is missing or wrong. Decodes
    /// nothing.
    var stated: (seconds: Double, isWhole: Bool) {
        if let plain = sound.plain {
            return (plain.seconds, sound.warnings.isEmpty && lack(of: plain, plain.seconds) == nil)
        }
        let announced = Double(decoder?.announcedSamples ?? 0) / Double(sampleRateHz)
        guard let order = sound.order else { return (announced, sound.warnings.isEmpty) }
        // Where MPEG audio states its length, that is less the delay of the coder.
        let isStated = order.codec == .mpeg && !order.hidesLength
        let seconds = isStated ? announced : order.seconds
        return (seconds, order.lack(path, seconds, advice: sound.advice) == nil)
    }

    // MARK: - What is missing at the end

    /// The warning about sound that is missing or wrong, once all has been decoded.
    private func lack(of ended: SoundDecoder) -> AudioWarning? {
        let seconds = Double(ended.decodedSamples) / Double(sampleRateHz)
        if let plain = sound.plain { return lack(of: plain, seconds) }
        guard var order = sound.order else {
            let announced = Double(ended.announcedSamples ?? 0) / Double(sampleRateHz)
            return announced <= seconds
                ? nil
                : .truncated(
                    path: path, decodedSeconds: seconds, announcedSeconds: announced,
                    reason: failure)
        }
        if order.sampleRateHz != sampleRateHz, order.loss == nil {
            return .damaged(
                path: path,
                reason:
                    "decoded at \(sampleRateHz) of \(order.sampleRateHz) Hz; \(sound.advice ?? "")",
                atSeconds: 0, filledSeconds: 0)
        }
        if order.codec == .mpeg, order.joints == 0, let announced = ended.announcedSamples {
            // Less the delay of the coder.
            order.announcedSamples = order.announcedSamples.map { _ in announced }
        }
        return order.lack(path, seconds, reason: failure, advice: sound.advice)
    }

    private func lack(of plain: PlainSound, _ seconds: Double) -> AudioWarning? {
        if let next = plain.nextFile {
            return .unread(
                path: path, bytes: sound.file.sizeBytes - next, afterSeconds: seconds)
        }
        if let name = plain.disguised {
            return .damaged(
                path: path, reason: "its samples are \(name); " + (sound.advice ?? ""),
                atSeconds: nil, filledSeconds: 0)
        }
        guard let bytes = plain.announcedBytes else { return nil }
        let announced = Double(bytes) / Double(max(1, plain.bytes.count)) * seconds
        // Less than one sample is a padding byte that was counted.
        if abs(announced - seconds) * Double(sampleRateHz) < 1 { return nil }
        return announced > seconds
            ? .truncated(
                path: path, decodedSeconds: seconds, announcedSeconds: announced, reason: nil)
            : .longer(path: path, decodedSeconds: seconds, announcedSeconds: announced)
    }
}
