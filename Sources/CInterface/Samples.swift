// Samples in the caller's memory: read block by block, and written in either layout.

import Audio
import CSwiftDemucs
import Demucs
import System

/// Layout of samples in memory.
enum SampleLayout {
    case planar
    case interleaved

    init(_ layout: sd_layout, _ name: String) throws(CallError) {
        switch layout {
        case SD_PLANAR: self = .planar
        case SD_INTERLEAVED: self = .interleaved
        default:
            throw CallError(
                SD_ERROR_ARGUMENT,
                "\(name) is \(layout.rawValue), expected SD_PLANAR or SD_INTERLEAVED")
        }
    }

    /// Offset of a channel's first sample, and the stride between its samples.
    func place(channel: Int, of channels: Int, frames: Int) -> (offset: Int, stride: Int) {
        self == .planar ? (channel * frames, 1) : (channel, channels)
    }
}

/// Audio in the caller's memory, which nobody changes during the call.
struct BorrowedAudio: @unchecked Sendable {
    private let samples: UnsafePointer<Float>
    private let layout: SampleLayout
    let frames: Int
    let channels: Int
    let sampleRateHz: Int

    /// - Throws: `SD_ERROR_ARGUMENT`, also for a sample that is not finite.
    init(_ audio: UnsafePointer<sd_audio>?, _ name: String) throws {
        let audio = try required(audio, name, "a structure").pointee
        try self.init(
            audio.samples, frames: audio.frames, channels: Int(audio.channels),
            sampleRateHz: Int(audio.sample_rate),
            layout: SampleLayout(audio.layout, "\(name)->layout"), name)
        try CallError.require(frames > 0, "\(name)->frames", frames, "at least 1")
    }

    /// - Throws: `SD_ERROR_ARGUMENT`, also for a sample that is not finite.
    init(
        _ samples: UnsafePointer<Float>?, frames: Int, channels: Int, sampleRateHz: Int,
        layout: SampleLayout, _ name: String
    ) throws {
        try PlanarAudio.validate(channelCount: channels, sampleRateHz: sampleRateHz)
        try checkFrames(frames, rows: channels, name)
        guard let samples else {
            throw CallError(SD_ERROR_ARGUMENT, "the samples of \(name) are NULL")
        }
        self.samples = samples
        self.layout = layout
        self.frames = frames
        self.channels = channels
        self.sampleRateHz = sampleRateHz
        let all = UnsafeBufferPointer(start: samples, count: channels * frames)
        // One pass without branches: the sum is zero if all are finite, since 0 × infinity and 0 ×
        // NaN are NaN.
        if all.reduce(0, { $0 + $1 * 0 }) == 0 { return }
        let index = all.firstIndex { !$0.isFinite } ?? 0
        let (frame, channel) =
            layout == .planar
            ? (index % frames, index / frames) : (index / channels, index % channels)
        throw CallError(
            SD_ERROR_ARGUMENT,
            "\(name) has \(all[index]) at frame \(frame) of channel \(channel), expected a finite "
                + "number")
    }

    /// The samples of some frames.
    func copy(_ range: Range<Int>) -> PlanarAudio {
        PlanarAudio(
            channels: (0..<channels).map { channel in
                let (offset, stride) = layout.place(channel: channel, of: channels, frames: frames)
                let first = samples + offset + range.lowerBound * stride
                if stride == 1 {
                    return Array(UnsafeBufferPointer(start: first, count: range.count))
                }
                return (0..<range.count).map { first[$0 * stride] }
            }, sampleRateHz: sampleRateHz)
    }

    /// Reads the audio block by block.
    func reader() -> RangeReader {
        RangeReader(
            channelCount: channels, sampleRateHz: sampleRateHz, sampleCount: frames, read: copy)
    }
}

/// A buffer for stems in the caller's memory.
struct StemBuffer {
    private let stems: UnsafeMutablePointer<Float>
    private let layout: SampleLayout
    private let channels: Int
    /// Largest number of frames of each stem.
    let capacity: Int

    /// - Parameters:
    ///   - channels: channels of each stem.
    ///   - rows: channels of all stems.
    /// - Throws: `SD_ERROR_ARGUMENT`.
    init(
        _ stems: UnsafeMutablePointer<Float>?, capacity: Int, layout: sd_layout, channels: Int,
        rows: Int
    ) throws(CallError) {
        let stems = try required(stems, "outputs", "a buffer")
        try checkFrames(capacity, rows: rows, "capacity")
        self.stems = stems
        self.layout = try SampleLayout(layout, "layout")
        self.channels = channels
        self.capacity = capacity
    }

    /// Writes frames of all stems, `[stem · channels + channel][sample]`.
    ///
    /// - Parameter frame: position of the first frame; all must fit.
    func write(_ audio: PlanarAudio, at frame: Int) {
        precondition(frame + audio.sampleCount <= capacity)
        for (row, samples) in audio.channels.enumerated() {
            let (stem, channel) = row.quotientAndRemainder(dividingBy: channels)
            let (offset, stride) = layout.place(channel: channel, of: channels, frames: capacity)
            let target = stems + stem * channels * capacity + offset + frame * stride
            samples.withUnsafeBufferPointer { samples in
                if stride == 1, let start = samples.baseAddress {
                    target.update(from: start, count: samples.count)
                } else {
                    for index in samples.indices { target[index * stride] = samples[index] }
                }
            }
        }
    }
}

/// Refuses outputs that don't fit into memory, before the system ends the process.
///
/// - Parameters:
///   - rows: channels of all outputs.
///   - heldBytes: memory of this process that may already be a part of the outputs'.
/// - Throws: `SeparationError.notEnoughMemory`.
package func checkMemory(
    rows: Int, frames: Int, heldBytes: Int = 0, freeBytes: Int? = availableMemoryBytes()
) throws(SeparationError) {
    let (bytes, overflow) = frames.multipliedReportingOverflow(
        by: rows * MemoryLayout<Float>.stride)
    let needed = overflow ? .max : bytes
    if let freeBytes, needed - heldBytes > freeBytes {
        throw .notEnoughMemory(neededBytes: needed, freeBytes: freeBytes)
    }
}

/// - Throws: `SD_ERROR_ARGUMENT` for more frames than fit into memory.
func checkFrames(_ frames: Int, rows: Int, _ name: String) throws(CallError) {
    let (bytes, overflow) = frames.multipliedReportingOverflow(
        by: rows * MemoryLayout<Float>.stride)
    try CallError.require(
        frames >= 0 && !overflow && bytes <= 1 << 47, "the number of frames of \(name)",
        UInt(bitPattern: frames), "as many as fit into memory")
}
