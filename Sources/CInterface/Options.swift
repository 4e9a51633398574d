// Converts the structures of options to the engine's types, and checks every member.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CSwiftDemucs
import Demucs
import System

/// A structure that begins with its size.
protocol SizedStructure {
    var size: Int { get set }
}

extension sd_open_options: SizedStructure {}
extension sd_model_info: SizedStructure {}
extension sd_progress: SizedStructure {}
extension sd_audio: SizedStructure {}
extension sd_separation_options: SizedStructure {}
extension sd_file_options: SizedStructure {}
extension sd_stream_options: SizedStructure {}
extension sd_quantize_options: SizedStructure {}
extension sd_quantize_report: SizedStructure {}

extension SizedStructure {
    /// Reads a structure in the layout of this version.
    ///
    /// - Parameter name: name of the argument in messages.
    /// - Throws: `SD_ERROR_ARGUMENT` for NULL, or a size that no version of the structure has.
    static func read(_ pointer: UnsafePointer<Self>?, _ name: String) throws(CallError) -> Self {
        guard let pointer else {
            throw CallError(SD_ERROR_ARGUMENT, "\(name) is NULL, expected a structure")
        }
        try checkSize(pointer.pointee.size, name)
        return pointer.pointee
    }

    /// - Parameter defaults: fills the structure if the pointer is NULL.
    static func read(
        _ pointer: UnsafePointer<Self>?, _ name: String,
        or defaults: (UnsafeMutablePointer<Self>?) -> Void
    ) throws(CallError) -> Self {
        if let pointer { return try read(pointer, name) }
        return withUnsafeTemporaryAllocation(of: Self.self, capacity: 1) { value in
            defaults(value.baseAddress)
            return value[0]
        }
    }

    /// Fills a structure of the caller.
    ///
    /// - Throws: `SD_ERROR_ARGUMENT` for a size that no version of the structure has.
    func write(to pointer: UnsafeMutablePointer<Self>?, _ name: String) throws(CallError) {
        guard let pointer else { return }
        try Self.checkSize(pointer.pointee.size, name)
        pointer.pointee = self
        pointer.pointee.size = MemoryLayout<Self>.size
    }

    /// All versions so far have the same members, so there is only one size.
    static func checkSize(_ size: Int, _ name: String) throws(CallError) {
        let expected = MemoryLayout<Self>.size
        try CallError.require(
            size == expected, "\(name)->size", size,
            "sizeof the structure, \(expected); sd_..._init sets it")
    }
}

/// A C string.
///
/// - Throws: `SD_ERROR_ARGUMENT` for NULL and for bytes that are not UTF-8.
func text(_ string: UnsafePointer<CChar>?, _ name: String) throws(CallError) -> String {
    guard let string else {
        throw CallError(SD_ERROR_ARGUMENT, "\(name) is NULL, expected a string")
    }
    guard let text = String(validatingCString: string) else {
        throw CallError(
            SD_ERROR_ARGUMENT, "\(name) is not UTF-8: '\(String(cString: string))'")
    }
    return text
}

/// A C string, or nil for NULL.
func optionalText(_ string: UnsafePointer<CChar>?, _ name: String) throws(CallError) -> String? {
    string == nil ? nil : try text(string, name)
}

/// C strings, or nil for NULL.
func texts(
    _ strings: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ name: String
) throws(CallError) -> [String]? {
    guard let strings else {
        try CallError.require(count == 0, "the number of \(name)", count, "0 where they are NULL")
        return nil
    }
    try CallError.require(
        (1...1_000_000).contains(count), "the number of \(name)", count, "1 to 1,000,000")
    var texts: [String] = []
    for index in 0..<count { texts.append(try text(strings[index], "\(name)[\(index)]")) }
    return texts
}

/// A number of threads, or nil for all cores.
func threads(_ number: Int32) throws(CallError) -> Int? {
    try CallError.require(
        (0...1024).contains(number), "threads", number, "1 to 1024, or 0 for all cores")
    return number == 0 ? nil : Int(number)
}

/// A value of a C enumeration.
///
/// - Throws: `SD_ERROR_ARGUMENT` for a number that the enumeration doesn't have.
func choice<Raw: RawRepresentable, Value>(
    _ raw: Raw, _ name: String, _ values: [Value]
) throws(CallError) -> Value where Raw.RawValue: BinaryInteger {
    guard let index = Int(exactly: raw.rawValue), values.indices.contains(index) else {
        throw CallError(
            SD_ERROR_ARGUMENT,
            "\(name) is \(raw.rawValue), expected 0 to \(values.count - 1): see swift_demucs.h")
    }
    return values[index]
}

extension sd_separation_options {
    func options() throws(CallError) -> SeparationOptions {
        try CallError.require(
            segment_seconds >= 0, "segment_seconds", segment_seconds,
            "a positive number, or 0 for the model's own")
        // Each has one value left.
        try choice(chunking, "chunking", [()])
        try choice(order, "order", [()])
        return SeparationOptions(
            shifts: Int(shifts), seed: has_seed == 0 ? nil : seed,
            overlap: overlap == -1 ? nil : overlap,
            segmentSeconds: segment_seconds == 0 ? nil : segment_seconds, split: split != 0,
            transitionPower: transition_power)
    }

    /// Whether stems have the input's rate instead of the model's.
    func isInputRate() throws(CallError) -> Bool { try choice(rate, "rate", [false, true]) }

    /// A token for one call. The caller's cancellation cancels it, and so does the result of the
    /// callback, which must not stop other calls with that cancellation.
    func token() throws(CallError) -> CancellationToken {
        CancellationToken(
            within: cancellation == nil ? nil : try cancellationHandle.object(cancellation))
    }

    /// The generator of the shifts and its seed; the seed is nil for the caller's own generator.
    ///
    /// - Throws: `SD_ERROR_ARGUMENT` for a state that Python's generator doesn't have.
    func generator() throws(CallError) -> (random: PythonRandom, seed: UInt64?) {
        guard let random else {
            let seed = try options().seedOrDrawn()
            return (PythonRandom(seed: seed), seed)
        }
        let position = Int(random.pointee.position)
        try CallError.require(
            (0...PythonRandom.stateWords).contains(position), "random->position", position,
            "0 to \(PythonRandom.stateWords)")
        let words = withUnsafeBytes(of: &random.pointee.words) {
            Array($0.bindMemory(to: UInt32.self))
        }
        return (PythonRandom(state: words, position: position), nil)
    }

    /// Copies the state back to the caller's own generator.
    func giveBack(_ generator: PythonRandom) {
        guard let random else { return }
        withUnsafeMutableBytes(of: &random.pointee.words) { words in
            generator.state.withUnsafeBytes { words.copyMemory(from: $0) }
        }
        random.pointee.position = Int32(generator.position)
    }

    /// Reports a segment to the caller, and cancels the work if the caller asks for it.
    func report(
        _ event: SeparationProgress, bag memberCount: Int, cancelling token: CancellationToken
    ) {
        ProgressCallback(function: progress, context: progress_context)
            .report(event, bag: memberCount, cancelling: token)
    }
}

/// A caller's function that takes progress.
struct ProgressCallback: @unchecked Sendable {
    // @unchecked: called on the thread of the caller's call.
    let function: sd_progress_callback?
    let context: UnsafeMutableRawPointer?

    /// Reports a segment, and cancels the work if the caller asks for it.
    func report(
        _ event: SeparationProgress, bag memberCount: Int, cancelling token: CancellationToken
    ) {
        guard let function, let segment = event.segment else { return }
        let total = event.segmentsTotal
        var value = sd_progress(
            size: MemoryLayout<sd_progress>.size,
            fraction: total > 0 ? Double(event.segmentsDone) / Double(total) : 0,
            segments_done: Int64(event.segmentsDone), segments_total: Int64(total),
            track_frames: Int64(event.trackSamples ?? 0),
            segment_offset: Int64(segment.offsetSamples), shift: Int32(segment.shift),
            member: Int32(segment.member), has_ended: segment.hasEnded ? 1 : 0,
            member_count: Int32(memberCount))
        if function(context, &value) != 0 { token.cancel() }
    }
}

extension sd_file_options {
    func format() throws(CallError) -> OutputFormat {
        let mp3 = MP3Settings(
            bitRateKilobitsPerSecond: Int(mp3_bit_rate), preset: Int(mp3_preset))
        let containers: [OutputFormat.Container] = [.wav, .flac, .mp3(mp3), .rawFloat32]
        return OutputFormat(
            container: try choice(container, "container", containers),
            sampleFormat: try choice(sample_format, "sample_format", [.int16, .int24, .float32]))
    }

    func clipMode() throws(CallError) -> ClipMode {
        try choice(clip, "clip", [.rescale, .clamp, .tanh, .none])
    }
}

// MARK: - Defaults

@c @implementation
public func sd_open_options_init(_ options: UnsafeMutablePointer<sd_open_options>?) {
    options?.pointee = sd_open_options(
        size: MemoryLayout<sd_open_options>.size, stems: nil, stem_count: 0, threads: 0, jobs: 1,
        precision: SD_PRECISION_DEFAULT, repository: nil, log: nil, log_context: nil)
}

@c @implementation
public func sd_separation_options_init(_ options: UnsafeMutablePointer<sd_separation_options>?) {
    let defaults = SeparationOptions()
    options?.pointee = sd_separation_options(
        size: MemoryLayout<sd_separation_options>.size, shifts: Int32(defaults.shifts),
        has_seed: 0, seed: 0, overlap: -1, segment_seconds: 0,
        split: defaults.split ? 1 : 0, rate: SD_RATE_MODEL,
        transition_power: defaults.transitionPower, order: SD_ORDER_INTERLEAVED,
        chunking: SD_CHUNKING_MSST, random: nil, progress: nil, progress_context: nil,
        cancellation: nil)
}

@c @implementation
public func sd_file_options_init(_ options: UnsafeMutablePointer<sd_file_options>?) {
    let mp3 = MP3Settings()
    options?.pointee = sd_file_options(
        size: MemoryLayout<sd_file_options>.size, container: SD_WAV, sample_format: SD_INT16,
        clip: SD_CLIP_RESCALE, mp3_bit_rate: Int32(mp3.bitRateKilobitsPerSecond),
        mp3_preset: Int32(mp3.preset), reserved: 0)
}

@c @implementation
public func sd_stream_options_init(_ options: UnsafeMutablePointer<sd_stream_options>?) {
    options?.pointee = sd_stream_options(
        size: MemoryLayout<sd_stream_options>.size, is_live: 0, mean: 0, standard_deviation: 0.1,
        temporary_folder: nil)
}

@c @implementation
public func sd_quantize_options_init(_ options: UnsafeMutablePointer<sd_quantize_options>?) {
    options?.pointee = sd_quantize_options(
        size: MemoryLayout<sd_quantize_options>.size, calibration_files: nil,
        calibration_file_count: 0, calibration_segments: 50, precision: SD_PRECISION_INT8,
        minimum_snr: 0, maximum_bytes: 0, threads: 0, log: nil, log_context: nil,
        cancellation: nil)
}
