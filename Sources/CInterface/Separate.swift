// Separating buffers.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Audio
import CSwiftDemucs
import Demucs
import HTDemucs
import Signal

extension LoadedModel {
    /// Channels of all stems.
    var rowCount: Int { separator.model.sources.count * separator.model.audioChannels }

    /// Frames of a stem for an input of some frames.
    func stemFrames(_ frames: Int, sampleRateHz: Int, isInputRate: Bool) -> Int {
        isInputRate
            ? frames
            : Resampler.outputCount(
                inputCount: frames, from: sampleRateHz, to: separator.model.sampleRateHz)
    }
}

@c @implementation
public func sd_stem_frames(
    _ model: OpaquePointer?, _ frames: Int, _ sample_rate: Int32, _ rate: sd_rate,
    _ stem_frames: UnsafeMutablePointer<Int>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        guard let stem_frames else {
            throw CallError(
                SD_ERROR_ARGUMENT, "stem_frames is NULL, expected a place for the number")
        }
        try PlanarAudio.validate(channelCount: 1, sampleRateHz: Int(sample_rate))
        // Longer than any recording, and small enough to be multiplied by a rate.
        try CallError.require(
            (0...1 << 40).contains(frames), "frames", UInt(bitPattern: frames), "at most 2^40")
        stem_frames.pointee = model.stemFrames(
            frames, sampleRateHz: Int(sample_rate),
            isInputRate: try choice(rate, "rate", [false, true]))
    }
}

@c @implementation
public func sd_separate(
    _ model: OpaquePointer?, _ mix: UnsafePointer<sd_audio>?,
    _ options: UnsafePointer<sd_separation_options>?, _ stems: UnsafeMutablePointer<Float>?,
    _ capacity: Int, _ layout: sd_layout, _ seed: UnsafeMutablePointer<UInt64>?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let mix = try BorrowedAudio(mix, "mix")
        let given = try sd_separation_options.read(
            options, "options", or: sd_separation_options_init)
        let (options, token) = (try given.options(), try given.token())
        let isInputRate = try given.isInputRate()
        var (random, drawn) = try given.generator()
        let information = model.separator.model
        let buffer = try StemBuffer(
            stems, capacity: capacity, layout: layout, channels: information.audioChannels,
            rows: model.rowCount)
        let frames = model.stemFrames(
            mix.frames, sampleRateHz: mix.sampleRateHz, isInputRate: isInputRate)
        try CallError.require(
            capacity >= frames, "capacity", capacity,
            "at least the \(frames) frames of a stem: see sd_stem_frames")
        var resampling = ResamplingStream(
            Resampler(
                from: information.sampleRateHz,
                to: isInputRate ? mix.sampleRateHz : information.sampleRateHz),
            channelCount: model.rowCount)
        var written = 0
        func put(_ stems: PlanarAudio) {
            buffer.write(stems, at: written)
            written += stems.sampleCount
        }
        try model.separator.validate(options)
        let recording = try model.separator.recording(cancellation: token) { mix.reader() }
        let pipeline = try model.separator.pipeline(
            recording.track, options: options, random: &random, cancellation: token)
        // All shifts are drawn: the state moves on even if a callback stops the separation.
        given.giveBack(random)
        let report = { given.report($0, bag: information.memberCount, cancelling: token) }
        while let block = try pipeline.next(progress: report) {
            put(resampling.append(block.stems, limit: frames))
        }
        put(resampling.finish(outputCount: frames))
        seed?.pointee = options.shifts > 0 ? drawn ?? 0 : 0
    }
}
