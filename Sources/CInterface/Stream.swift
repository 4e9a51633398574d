// Streams: audio is written and stems are read block by block.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Audio
import CSwiftDemucs
import Demucs
import Synchronization
import System

/// The object behind an `sd_stream`.
final class OpenStream {
    let stream: SeparationStream
    let generator: ShiftGenerator
    private let call: CallProgress
    private let log: Log
    private var hasWarned = false
    let rowCount: Int
    let channels: Int
    /// Outputs that did not fit into the caller's buffer.
    var rest: PlanarAudio?
    /// Whether an error has made the stream unusable.
    private var hasFailed = false
    private let isInCall = Atomic(false)

    init(
        _ plan: PlannedRequest, _ settings: StreamSettings, channels: Int, sampleRateHz: Int,
        generator: ShiftGenerator, call: CallProgress, log: Log
    ) throws {
        try plan.checkBlocks()
        self.generator = generator
        self.call = call
        self.log = log
        stream = try SeparationStream(
            plan.separator, into: plan.signals, channelCount: channels, sampleRateHz: sampleRateHz,
            live: settings.live, rate: plan.request.outputRate, spoolFolder: settings.spoolFolder,
            options: plan.options, random: generator.random, cancellation: call.token)
        generator.giveBack(stream.random)
        rowCount = plan.rowCount
        self.channels = plan.separator.model.audioChannels
    }

    /// Runs the body of a call.
    ///
    /// - Throws: `SD_ERROR_STATE` within another call, such as from its callback or in another
    ///   thread, and after an error; the errors of `body`.
    func call<Value>(_ body: () throws -> Value) throws -> Value {
        guard
            isInCall.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        else {
            throw CallError(
                SD_ERROR_STATE, "the stream is in another call, which has to return first")
        }
        defer { isInCall.store(false, ordering: .releasing) }
        if hasFailed {
            throw CallError(SD_ERROR_STATE, "an earlier call on this stream failed; close it")
        }
        return try body()
    }

    /// Runs a step; an error in it makes the stream unusable.
    func step<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            hasFailed = true
            rest = nil
            throw error
        }
    }

    /// The next stems, at most `frames` frames; nil if there are none.
    func next(atMost frames: Int) throws -> PlanarAudio? {
        guard
            let block = try rest
                ?? step({ try stream.next(progress: call.report) })
        else { return nil }
        if !hasWarned, stream.silencedPasses > 0 {
            log.warning(
                "a block became silence, because the model gave samples that are not finite")
            hasWarned = true
        }
        guard block.sampleCount > frames else {
            rest = nil
            return block
        }
        rest = block[frames..<block.sampleCount]
        return block[0..<frames]
    }
}

@c @implementation
public func sd_stream_open(
    _ model: OpaquePointer?, _ channels: Int32, _ sample_rate: Int32,
    _ settings: UnsafePointer<CChar>?, _ random: UnsafeMutablePointer<sd_random>?,
    _ progress: sd_progress_callback?, _ context: UnsafeMutableRawPointer?,
    _ cancellation: OpaquePointer?, _ result: UnsafeMutablePointer<OpaquePointer?>?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let result = try required(result, "result", "a place for the handle")
        let model = try modelHandle.object(model)
        let settings = try StreamSettings(json: settingsText(settings))
        let plan = try PlannedRequest(settings.request, of: model)
        let stream = try OpenStream(
            plan, settings, channels: Int(channels), sampleRateHz: Int(sample_rate),
            generator: ShiftGenerator(random, plan.options),
            call: CallProgress(
                progress, context, of: plan.separator,
                cancelling: CancellationToken(within: cancellation)), log: model.log)
        result.pointee = streamHandle.open(stream)
    }
}

@c @implementation
public func sd_stream_push(
    _ stream: OpaquePointer?, _ samples: UnsafePointer<Float>?, _ frames: Int,
    _ layout: sd_layout, _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let stream = try streamHandle.object(stream)
        try stream.call {
            if stream.stream.hasEnded {
                throw CallError(SD_ERROR_STATE, "the stream was finished; open another one")
            }
            let layout = try SampleLayout(layout, "layout")
            if frames == 0 { return }
            let audio = try BorrowedAudio(
                samples, frames: frames, channels: stream.stream.channelCount,
                sampleRateHz: stream.stream.sampleRateHz, layout: layout, "the block")
            try stream.step { try stream.stream.append(audio.copy(0..<frames)) }
        }
    }
}

@c @implementation
public func sd_stream_finish(
    _ stream: OpaquePointer?, _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let stream = try streamHandle.object(stream)
        try stream.call {
            if stream.stream.hasEnded {
                throw CallError(SD_ERROR_STATE, "the stream was finished before")
            }
            try stream.step { try stream.stream.end() }
            stream.generator.giveBack(stream.stream.random)
        }
    }
}

@c @implementation
public func sd_stream_pull(
    _ stream: OpaquePointer?, _ outputs: UnsafeMutablePointer<Float>?, _ capacity: Int,
    _ layout: sd_layout, _ frames: UnsafeMutablePointer<Int>?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    call(message, message_bytes) {
        let stream = try streamHandle.object(stream)
        return try stream.call {
            let frames = try required(frames, "frames", "a place for the number")
            let buffer = try StemBuffer(
                outputs, capacity: capacity, layout: layout, channels: stream.channels,
                rows: stream.rowCount)
            try CallError.require(capacity >= 1, "capacity", capacity, "at least 1")
            guard let block = try stream.next(atMost: capacity) else {
                frames.pointee = 0
                return stream.stream.hasEnded ? SD_DONE : SD_OK
            }
            buffer.write(block, at: 0)
            frames.pointee = block.sampleCount
            return SD_OK
        }
    }
}

@c @implementation
public func sd_stream_close(_ stream: OpaquePointer?) { streamHandle.close(stream) }
