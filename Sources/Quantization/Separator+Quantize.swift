// A model with INT8 weights, from the checkpoint to the file.

import DemucsEngine
import System
import Tensor
import WeightsLoader

extension Separator {
    /// Writes a copy of a checkpoint with INT8 weights, a quarter as large as in float32; cancelling the task
    /// stops the work.
    ///
    /// - Parameters:
    ///   - checkpoint: a file with float weights, in any supported format.
    ///   - path: the file to write, another one than the checkpoint.
    ///   - music: tracks like those to be separated, for the calibration; none: noise.
    ///   - segments: 1 to 10,000; how many segments of the music are used, spread over the tracks.
    ///   - threads: how many cores to use; `nil` takes all.
    /// - Returns: SNR in dB of the worst stem against float32, measured on two of the segments.
    /// - Throws: `WeightsError`, `ConfigurationError`, `SeparationError`, the errors of reading the music,
    ///   `CancellationError`.
    @discardableResult
    public static func quantize(
        _ checkpoint: String, to path: String, calibratedOn music: [AudioInput] = [],
        segments: Int = 50, threads: Int? = nil
    ) async throws -> Double {
        try SeparationError.require(
            (1...10_000).contains(segments), "segments", segments, "a number from 1 to 10000")
        try SeparationError.require(
            threads.map(supportedThreads.contains) ?? true, "threads", threads ?? 0,
            "a number from 1 to 1024")
        return try await onOwnThread { cancellation in
            let source = try Checkpoint.open(checkpoint, member: nil, toWrite: path)
            let model = try ModelQuantization.quantize(
                source, tracks: music.count, segments: segments,
                threads: threads ?? countAvailableCores(), cancellation: cancellation
            ) {
                music[$0]
            }.model
            try model.write(to: path)
            return model.snrDecibels
        }
    }
}

extension ModelQuantization {
    /// Calibrates a checkpoint on tracks, or on noise if there are none, and quantises it.
    ///
    /// - Parameters:
    ///   - tracks: their number; `open` opens each.
    ///   - warn: takes problems of the files that don't stop the work.
    /// - Returns: the model, and a description of the calibration.
    package static func quantize(
        _ source: Checkpoint, tracks: Int, segments count: Int, precision: Precision = .int8,
        measuresLayers: Bool = false, threads: Int, cancellation: CancellationToken,
        warn: (String) -> Void = { _ in }, report: (Stage) -> Void = { _ in },
        open: (Int) throws -> AudioInput
    ) throws -> (model: QuantizedModel, calibration: [String: ArgumentValue]) {
        let description = try ModelDescription(of: source)
        description.warnings.forEach(warn)
        let rules = description.configuration.trackRules
        let segments =
            tracks == 0
            ? CalibrationSegments(noiseFor: rules)
            : try CalibrationSegments(
                of: tracks, count: count, for: rules, on: Backend(threads: threads),
                cancellation: cancellation, open: open)
        for warning in segments.warnings { warn("\(warning)") }
        let quantization = try ModelQuantization(
            source, description, calibration: segments.description, threads: threads)
        let model = try quantization.run(
            mixes: segments.mixes, precision: precision, measuresLayers: measuresLayers,
            cancellation: cancellation, report: report)
        return (model, segments.description)
    }
}
