// Separating buffers and files.

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
        let track = try model.separator.track(cancellation: token) { mix.reader() }
        let pipeline = try model.separator.pipeline(
            track, options: options, random: &random, cancellation: token)
        let report = { given.report($0, bag: information.memberCount, cancelling: token) }
        while let block = try pipeline.next(progress: report) {
            put(resampling.append(block.stems, limit: frames))
        }
        put(resampling.finish(outputCount: frames))
        given.giveBack(random)
        seed?.pointee = options.shifts > 0 ? drawn ?? 0 : 0
    }
}

@c @implementation
public func sd_separate_file(
    _ model: OpaquePointer?, _ input: UnsafePointer<CChar>?, _ outputs: UnsafePointer<sd_output>?,
    _ output_count: Int, _ files: UnsafePointer<sd_file_options>?,
    _ options: UnsafePointer<sd_separation_options>?,
    _ report: UnsafeMutablePointer<sd_track_report>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let input = try text(input, "input")
        let outputs = try stemOutputs(outputs, output_count, of: model.separator.model.sources)
        let files = try sd_file_options.read(files, "files", or: sd_file_options_init)
        let given = try sd_separation_options.read(
            options, "options", or: sd_separation_options_init)
        if let report { try sd_track_report.checkSize(report.pointee.size, "report") }
        let (options, token) = (try given.options(), try given.token())
        try CallError.require(
            given.random == nil, "random", "a generator", "NULL: files go by a seed")
        let output = try files.outputOptions(isInputRate: try given.isInputRate())
        let track = try AudioInput(
            path: input, spool: Spool(folder: output.spoolFolder) { token.isCancelled })
        let result = try model.separator.separate(
            track, excerpt: try files.excerpt(), into: outputs, output: output, options: options,
            cancellation: token,
            progress: {
                given.report($0, bag: model.separator.model.memberCount, cancelling: token)
            })
        result.warnings.forEach(model.log.warning)
        try sd_track_report(
            size: 0, seed: result.seed ?? 0, duration_seconds: result.durationSeconds,
            sample_rate: Int32(result.sampleRateHz), channels: Int32(result.channelCount),
            warning_count: Int32(result.warnings.count), reserved: 0
        ).write(to: report, "report")
    }
}

/// The files to write.
///
/// - Throws: `SD_ERROR_ARGUMENT`.
private func stemOutputs(
    _ outputs: UnsafePointer<sd_output>?, _ count: Int, of stems: [String]
) throws(CallError) -> [StemOutput] {
    guard let outputs else {
        throw CallError(SD_ERROR_ARGUMENT, "outputs is NULL, expected at least one")
    }
    try CallError.require((1...1_000).contains(count), "output_count", count, "1 to 1,000")
    var result: [StemOutput] = []
    var paths: Set<String> = []
    for index in 0..<count {
        let signal = try text(outputs[index].signal, "outputs[\(index)].signal")
        let path = try text(outputs[index].path, "outputs[\(index)].path")
        try CallError.require(
            paths.insert(path).inserted, "outputs[\(index)].path", "'\(path)' again",
            "a file of its own for each output")
        result.append(
            StemOutput(
                name: signal, signal: try StemOutput.Signal(signal, of: stems), to: .file(path)))
    }
    return result
}

extension StemOutput.Signal {
    /// Parses a stem, a sum of stems (`drums+bass`), or the mixture minus stems
    /// (`mixture-vocals-drums`).
    ///
    /// - Throws: `SD_ERROR_ARGUMENT` for an unknown stem, and for one that occurs twice.
    init(_ text: String, of known: [String]) throws(CallError) {
        let mixture = "mixture-"
        let isMixtureMinus = text.hasPrefix(mixture)
        let names =
            isMixtureMinus
            ? text.dropFirst(mixture.count).split(separator: "-", omittingEmptySubsequences: false)
            : text.split(separator: "+", omittingEmptySubsequences: false)
        let stems = names.map(String.init)
        try CallError.require(
            stems.allSatisfy(known.contains) && Set(stems).count == stems.count, "the signal",
            "'\(text)'",
            "stems joined by '+', or 'mixture-' and stems joined by '-', each once, of "
                + known.joined(separator: ", "))
        self =
            isMixtureMinus ? .mixtureMinus(stems) : stems.count == 1 ? .stem(stems[0]) : .sum(stems)
    }
}
