// Separating buffers.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Audio
import CSwiftDemucs
import Demucs
import Signal
import System

@c @implementation
public func sd_plan(
    _ model: OpaquePointer?, _ settings: UnsafePointer<CChar>?, _ frames: Int,
    _ sample_rate: Int32, _ event: sd_event_callback?, _ context: UnsafeMutableRawPointer?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let events = try EventCallback(required(event, "event", "a function"), context)
        let rateHz = Int(sample_rate)
        try PlanarAudio.validate(channelCount: 1, sampleRateHz: rateHz)
        // Longer than any recording, and small enough to be multiplied by a rate.
        try CallError.require(
            (0...1 << 40).contains(frames), "frames", UInt(bitPattern: frames), "at most 2^40")
        let plan = try PlannedRequest(
            StreamSettings(json: settingsText(settings)).request, of: model)
        let information = plan.separator.model
        let isInputRate = plan.request.outputRate == .input
        events.send(
            "plan",
            [
                "outputs": plan.outputs.map(\.name), "channels": information.audioChannels,
                "sample_rate_hz": isInputRate ? rateHz : information.sampleRateHz,
                "frames": isInputRate
                    ? frames
                    : Resampler.outputCount(
                        inputCount: frames, from: rateHz, to: information.sampleRateHz),
            ])
        try events.token.check()
    }
}

@c @implementation
public func sd_separate(
    _ model: OpaquePointer?, _ mix: UnsafePointer<sd_audio>?, _ settings: UnsafePointer<CChar>?,
    _ outputs: UnsafeMutablePointer<Float>?, _ capacity: Int, _ layout: sd_layout,
    _ random: UnsafeMutablePointer<sd_random>?, _ seed: UnsafeMutablePointer<UInt64>?,
    _ progress: sd_progress_callback?, _ context: UnsafeMutableRawPointer?,
    _ cancellation: OpaquePointer?, _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let mix = try BorrowedAudio(mix, "mix")
        let settings = try BufferSettings(json: settingsText(settings))
        let plan = try PlannedRequest(settings.request, of: model)
        var options = plan.options
        options.normalises = settings.normalises
        let call = try CallProgress(
            progress, context, of: plan.separator,
            cancelling: CancellationToken(within: cancellation))
        let generator = try ShiftGenerator(random, options)
        let buffer = try StemBuffer(
            outputs, capacity: capacity, layout: layout,
            channels: plan.separator.model.audioChannels, rows: plan.rowCount)
        let recording = try plan.separator.recording(cancellation: call.token) { mix.reader() }
        let stream = try SeparationStream(
            plan.separator, of: recording, into: plan.signals, rate: plan.request.outputRate,
            options: options, random: generator.random, cancellation: call.token)
        let frames = stream.sampleCount ?? 0
        try CallError.require(
            capacity >= frames, "capacity", capacity,
            "at least the \(frames) frames of an output: see sd_plan")
        try plan.checkBlocks(ofFrames: frames)
        try checkMemory(rows: plan.rowCount, frames: frames, heldBytes: peakResidentBytes())
        // All shifts are drawn: the state moves on even if a callback stops the separation.
        generator.giveBack(stream.random)
        var written = 0
        while let block = try stream.next(progress: call.report) {
            buffer.write(block, at: written)
            written += block.sampleCount
        }
        seed?.pointee = options.shifts > 0 ? generator.seed ?? 0 : 0
    }
}
