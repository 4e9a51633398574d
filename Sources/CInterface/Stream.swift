// Streams: audio is written and stems are read block by block.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Audio
import CSwiftDemucs
import Demucs
import HTDemucs
import Synchronization

/// The object behind an `sd_stream`.
final class OpenStream {
    let stream: SeparationStream
    let options: sd_separation_options
    let rowCount: Int
    let channels: Int
    /// Stems that did not fit into the caller's buffer.
    var rest: PlanarAudio?
    /// Whether an error has made the stream unusable.
    private var hasFailed = false
    private let isInCall = Atomic(false)

    init(
        _ model: LoadedModel, channels: Int, sampleRateHz: Int, _ stream: sd_stream_options,
        _ options: sd_separation_options
    ) throws {
        try CallError.require(
            stream.mean.isFinite, "mean", stream.mean, "the mean of the stream's mono mix")
        try CallError.require(
            stream.standard_deviation > 0 && stream.standard_deviation.isFinite,
            "standard_deviation", stream.standard_deviation,
            "the positive standard deviation of the stream's mono mix")
        let token = try options.token()
        let separation = try options.options()
        let memberCount = model.separator.model.memberCount
        self.options = options
        self.stream = try SeparationStream(
            model.separator, channelCount: channels, sampleRateHz: sampleRateHz,
            normalization: stream.is_live == 0
                ? nil
                : Normalization(
                    mean: stream.mean, standardDeviation: stream.standard_deviation),
            isInputRate: try options.isInputRate(),
            spoolFolder: try optionalText(stream.temporary_folder, "temporary_folder"),
            options: separation, random: try options.generator().random, cancellation: token,
            progress: { options.report($0, bag: memberCount, cancelling: token) })
        options.giveBack(self.stream.random)
        rowCount = model.rowCount
        self.channels = model.separator.model.audioChannels
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
                ?? step(stream.next)
        else { return nil }
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
    _ stream_options: UnsafePointer<sd_stream_options>?,
    _ options: UnsafePointer<sd_separation_options>?,
    _ result: UnsafeMutablePointer<OpaquePointer?>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        guard let result else {
            throw CallError(SD_ERROR_ARGUMENT, "result is NULL, expected a place for the handle")
        }
        let stream = try OpenStream(
            try modelHandle.object(model), channels: Int(channels), sampleRateHz: Int(sample_rate),
            try sd_stream_options.read(
                stream_options, "stream_options", or: sd_stream_options_init),
            try sd_separation_options.read(options, "options", or: sd_separation_options_init))
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
            stream.options.giveBack(stream.stream.random)
        }
    }
}

@c @implementation
public func sd_stream_pull(
    _ stream: OpaquePointer?, _ stems: UnsafeMutablePointer<Float>?, _ capacity: Int,
    _ layout: sd_layout, _ frames: UnsafeMutablePointer<Int>?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    call(message, message_bytes) {
        let stream = try streamHandle.object(stream)
        return try stream.call {
            guard let frames else {
                throw CallError(
                    SD_ERROR_ARGUMENT, "frames is NULL, expected a place for the number")
            }
            let buffer = try StemBuffer(
                stems, capacity: capacity, layout: layout, channels: stream.channels,
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
