// Reading, converting and writing audio without separating it.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Audio
import CSwiftDemucs
import Demucs
import Signal
import System

/// A conversion to other channels and another rate; 0 keeps those of the audio.
private func conversion(
    channels: Int, rateHz: Int, to newChannels: Int32, _ newRateHz: Int32
) throws -> (AudioConversion, channels: Int, rateHz: Int) {
    let newChannels = newChannels == 0 ? channels : Int(newChannels)
    let newRateHz = newRateHz == 0 ? rateHz : Int(newRateHz)
    try PlanarAudio.validate(channelCount: newChannels, sampleRateHz: newRateHz)
    return (
        try AudioConversion(
            fromChannels: channels, rateHz: rateHz, toChannels: newChannels, rateHz: newRateHz),
        newChannels, newRateHz
    )
}

@c @implementation
public func sd_read(
    _ input: UnsafePointer<CChar>?, _ channels: Int32, _ sample_rate: Int32,
    _ callback: sd_audio_callback?, _ context: UnsafeMutableRawPointer?, _ log: sd_log_callback?,
    _ log_context: UnsafeMutableRawPointer?, _ cancellation: OpaquePointer?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let path = try text(input, "input")
        let callback = try required(callback, "callback", "a function")
        let token = try CancellationToken(within: cancellation)
        try token.check()
        let reader = try AudioInput(
            path: path, spool: Spool(isCancelled: { token.isCancelled })
        ).reader()
        var (conversion, newChannels, newRateHz) = try conversion(
            channels: reader.channelCount, rateHz: reader.sampleRateHz, to: channels, sample_rate)
        var frames = 0
        func give(_ audio: PlanarAudio) throws {
            try token.check()
            frames += audio.sampleCount
            if audio.sampleCount == 0 { return }
            let samples = audio.channels.flatMap { $0 }
            let result = samples.withUnsafeBufferPointer { samples in
                var block = sd_audio(
                    samples: samples.baseAddress, frames: audio.sampleCount,
                    channels: Int32(newChannels), sample_rate: Int32(newRateHz),
                    layout: SD_PLANAR)
                return callback(context, &block)
            }
            if result != 0 { throw CancellationError() }
        }
        while let block = try reader.next() { try give(conversion.convert(block)) }
        try give(conversion.finish())
        if frames == 0 { throw reader.emptyError }
        reader.warnings.forEach(Log(log, log_context).warning)
    }
}

@c @implementation
public func sd_convert(
    _ audio: UnsafePointer<sd_audio>?, _ channels: Int32, _ sample_rate: Int32,
    _ samples: UnsafeMutablePointer<Float>?, _ capacity: Int, _ layout: sd_layout,
    _ frames: UnsafeMutablePointer<Int>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let audio = try BorrowedAudio(audio, "audio")
        let frames = try required(frames, "frames", "a place for the number")
        var (conversion, newChannels, newRateHz) = try conversion(
            channels: audio.channels, rateHz: audio.sampleRateHz, to: channels, sample_rate)
        let needed = Resampler.outputCount(
            inputCount: audio.frames, from: audio.sampleRateHz, to: newRateHz)
        if samples != nil {
            let buffer = try StemBuffer(
                samples, capacity: capacity, layout: layout, channels: newChannels,
                rows: newChannels)
            try CallError.require(
                capacity >= needed, "capacity", capacity, "at least the \(needed) frames")
            var written = 0
            func put(_ audio: PlanarAudio) {
                buffer.write(audio, at: written)
                written += audio.sampleCount
            }
            let reader = audio.reader()
            while let block = try reader.next() { put(conversion.convert(block)) }
            put(conversion.finish())
        }
        frames.pointee = needed
    }
}

@c @implementation
public func sd_write(
    _ audio: UnsafePointer<sd_audio>?, _ output: UnsafePointer<CChar>?,
    _ settings: UnsafePointer<CChar>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let audio = try BorrowedAudio(audio, "audio")
        let path = try text(output, "output")
        var request = SeparationRequest()
        let given = try request.set(
            SeparationRequest.fields(ofJSON: settingsText(settings)), of: [.encoding])
        let hasFormat = SeparationRequest.formatNames.contains(where: given.contains)
        let format = try OutputFormat(
            hasFormat ? request.outputFormat(request.format) : nil, ofFile: path,
            sampleFormat: request.sampleFormat, mp3: request.mp3)
        let clip = request.clipMode
        var peak: Float = 0
        if clip == .rescale {
            let reader = audio.reader()
            while let block = try reader.next() { peak = max(peak, block.peak) }
        }
        let writer = try AudioWriter(
            to: .file(path), channelCount: audio.channels, sampleRateHz: audio.sampleRateHz,
            sampleCount: audio.frames, format: format, clip: clip,
            divisor: clip.divisor(peak: peak))
        let reader = audio.reader()
        while let block = try reader.next() { try writer.append(block) }
        try writer.finish()
    }
}
